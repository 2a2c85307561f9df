// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl completion: a bash completion made from the table of commands. */
#include <string.h>

#include "amctl_main.h"

static const char head[] =
"# bash completion of amctl, made by `amctl completion`: . <(amctl completion)\n"
"_amctl_offer()\n"
"{\n"
"	local w out=() dir\n"
"	for w in $1; do\n"
"		case $w in\n"
"		@dev) out+=($(cd /sys/class/net 2>/dev/null && echo *)) ;;\n"
"		@host) out+=($(timeout 1 amctl ls /profile/pool 2>/dev/null)) ;;\n"
"		@path)\n"
"			dir=${cur%/*}/\n"
"			[[ $cur == */* ]] || dir=/\n"
"			local IFS=$'\\n'\n"
"			out+=($(timeout 1 amctl ls \"$dir\" 2>/dev/null | sed \"s|^|$dir|\"))\n"
"			unset IFS\n"
"			;;\n"
"		@file) compopt -o default 2>/dev/null ;;\n"
"		*) out+=(\"$w\") ;;\n"
"		esac\n"
"	done\n"
"	local IFS=$'\\n'\n"
"	COMPREPLY=($(compgen -W \"${out[*]}\" -- \"$cur\"))\n"
"}\n"
"\n"
"_amctl()\n"
"{\n"
"	local cur=${COMP_WORDS[COMP_CWORD]} obj= verb= i w\n"
"	for ((i = 1; i < COMP_CWORD; i++)); do\n"
"		w=${COMP_WORDS[i]}\n"
"		if [[ -z $obj && $w == -* ]]; then\n"
"			continue\n"
"		elif [[ -z $obj ]]; then\n"
"			obj=$w\n"
"		elif [[ -z $verb ]]; then\n"
"			verb=$w\n"
"		fi\n"
"	done\n"
"	case $obj in\n";

static void words(const char *s)
{
	/* the tables hold plain words only; a quote would end the string of the shell */
	for (; s && *s; s++)
		if (!strchr("'\\\"`$", *s))
			putchar(*s);
}

static void bash(void)
{
	const struct amctl_object *o;

	fputs(head, stdout);
	printf("	'') _amctl_offer '-j -h -V help completion");
	for (size_t n = 0; (o = amctl_object_nth(n)); n++)
		printf(" %s", o->name);
	printf("' ;;\n");
	printf("	help) _amctl_offer '");
	for (size_t n = 0; (o = amctl_object_nth(n)); n++)
		printf("%s%s", n ? " " : "", o->name);
	printf("' ;;\n");
	printf("	completion) _amctl_offer bash ;;\n");
	for (size_t n = 0; (o = amctl_object_nth(n)); n++) {
		if (!o->verbs) {
			printf("	%s) _amctl_offer '", o->name);
			words(o->words);
			printf("' ;;\n");
			continue;
		}
		printf("	%s)\n		case $verb in\n		'') _amctl_offer 'help",
		       o->name);
		for (const struct amctl_verb *v = o->verbs; v->name; v++)
			printf(" %s", v->name);
		printf("' ;;\n");
		for (const struct amctl_verb *v = o->verbs; v->name; v++) {
			printf("		%s) _amctl_offer '", v->name);
			words(v->words);
			printf("' ;;\n");
		}
		printf("		esac\n		;;\n");
	}
	printf("	esac\n}\ncomplete -F _amctl amctl\n");
}

int amctl_completion(int argc, char **argv)
{
	amctl_where = "completion";
	if (argc > 1 || (argc && strcmp(argv[0], "bash")))
		return amctl_err("amctl completion bash", "only bash is known, not '%s'",
				 argv[0]);
	bash();
	return AMCTL_OK;
}
