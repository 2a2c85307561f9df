// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the command line of a compiler means to `amctl make`: one source that becomes one object,
 * or something to be left to the compiler here. Whatever could read a file `cc -M` does not name,
 * write one not named here, or depend on the machine, is left.
 */
#include <stdlib.h>
#include <string.h>

#include "amctl_make.h"

/* options whose value is the next argument */
static const char *const with_value[] = {
	"-o", "-I", "-D", "-U", "-include", "-imacros", "-isystem", "-iquote", "-idirafter",
	"-MF", "-MT", "-MQ", "-x", "-Xassembler", "-Xpreprocessor", "-Xlinker", "-A", "-L", "-u",
	"-T", "-z", "-G", "--param", "-aux-info", "-iprefix", "-iwithprefix",
	"-iwithprefixbefore", "-isysroot", "-imultilib", "-dumpbase", "-dumpbase-ext", "-dumpdir",
	"-B", "-wrapper", "-arch", "-e", "-include-pch", "-Xclang", "-mllvm", "-target",
};

/* exactly these, or beginning with these: not elsewhere */
static const struct {
	const char *opt;
	bool begins;
	const char *why;
} not_elsewhere[] = {
	{ "-E", false, "only preprocesses" },
	{ "-M", false, "only lists dependencies" },
	{ "-MM", false, "only lists dependencies" },
	{ "-MG", false, "reads headers that do not exist yet" },
	{ "-fsyntax-only", false, "writes no object" },
	{ "-save-temps", true, "keeps temporary files" },
	{ "--save-temps", true, "keeps temporary files" },
	{ "--coverage", false, "writes notes for coverage" },
	{ "-coverage", false, "writes notes for coverage" },
	{ "-ftest-coverage", false, "writes notes for coverage" },
	{ "-fprofile", true, "uses profiles" },
	{ "-fauto-profile", true, "uses profiles" },
	{ "-fbranch-probabilities", false, "uses profiles" },
	{ "-gsplit-dwarf", true, "writes a second object" },
	{ "-fdump", true, "writes dumps" },
	{ "-d", true, "writes dumps" },
	{ "-fstack-usage", false, "writes a list of stacks" },
	{ "-fcallgraph-info", true, "writes a call graph" },
	{ "-fopt-info", true, "may write a report" },
	{ "-fplugin", true, "loads a plugin" },
	{ "-fmodule", true, "uses modules" },
	{ "-fpch", true, "uses precompiled headers" },
	{ "-include-pch", false, "uses precompiled headers" },
	{ "-specs", true, "reads a specs file" },
	{ "--specs", true, "reads a specs file" },
	{ "-wrapper", false, "runs through another program" },
	{ "-B", true, "has a compiler directory of its own" },
	{ "-aux-info", false, "writes prototypes" },
	{ "-march=native", false, "is for this very processor" },
	{ "-mtune=native", false, "is for this very processor" },
	{ "-mcpu=native", false, "is for this very processor" },
	{ "-Xpreprocessor", false, "speaks to the preprocessor directly" },
	{ "-Xclang", false, "speaks to the compiler proper directly" },
	{ "-mllvm", false, "speaks to the compiler proper directly" },
	{ "-no-canonical-prefixes", false, "depends on where the compiler is" },
	{ "--sysroot", true, "has system headers of its own" },
	{ "-isysroot", true, "has system headers of its own" },
	{ "-imultilib", true, "has system headers of its own" },
	{ "-iprefix", true, "has system headers of its own" },
	{ "-iwithprefix", true, "has system headers of its own" },
	{ "-I-", false, "splits the search path" },
	{ "-fworking-directory", false, "names directories in a way of its own" },
	{ "-Wa,-a", true, "may write a listing" },
	{ "-Wa,--MD", true, "writes dependencies of the assembler" },
	{ "-time", true, "measures itself" },
	{ "-###", false, "compiles nothing" },
};

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static bool takes_value(const char *arg)
{
	for (size_t i = 0; i < sizeof(with_value) / sizeof(with_value[0]); i++)
		if (!strcmp(arg, with_value[i]))
			return true;
	return false;
}

static const char *refused(const char *arg)
{
	for (size_t i = 0; i < sizeof(not_elsewhere) / sizeof(not_elsewhere[0]); i++) {
		const char *o = not_elsewhere[i].opt;

		if (not_elsewhere[i].begins ? has_prefix(arg, o) : !strcmp(arg, o))
			return not_elsewhere[i].why;
	}
	return NULL;
}

/* ---- the source ---------------------------------------------------------------------------- */

static const struct {
	const char *suffix;
	bool preprocess, assembler;
} suffixes[] = {
	{ "c", true, false }, { "cc", true, false }, { "cpp", true, false },
	{ "cxx", true, false }, { "c++", true, false }, { "C", true, false },
	{ "cp", true, false }, { "CPP", true, false }, { "i", false, false },
	{ "ii", false, false }, { "S", true, true }, { "sx", true, true }, { "s", false, true },
};

static const struct {
	const char *name;
	bool preprocess, assembler;
} languages[] = {
	{ "c", true, false }, { "c++", true, false }, { "cpp-output", false, false },
	{ "c++-cpp-output", false, false }, { "assembler-with-cpp", true, true },
	{ "assembler", false, true },
};

static bool set_language(struct cc *cc, const char *lang)
{
	const char *dot = strrchr(cc->source, '.');

	for (size_t i = 0; lang && i < sizeof(languages) / sizeof(languages[0]); i++)
		if (!strcmp(lang, languages[i].name)) {
			cc->preprocess = languages[i].preprocess;
			cc->assembler = languages[i].assembler;
			return true;
		}
	if (lang || !dot || strchr(dot, '/'))
		return false;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (!strcmp(dot + 1, suffixes[i].suffix)) {
			cc->preprocess = suffixes[i].preprocess;
			cc->assembler = suffixes[i].assembler;
			return true;
		}
	return false;
}

/* ---- names the compiler makes up ----------------------------------------------------------- */

/* @name with its suffix, if any, replaced */
static char *with_suffix(const char *name, const char *suffix)
{
	const char *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
	size_t n = strlen(name);
	char *s;

	if (dot && dot != name && (!slash || dot > slash + 1))
		n = (size_t)(dot - name);
	return asprintf(&s, "%.*s%s", (int)n, name, suffix) < 0 ? NULL : s;
}

static char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return (char *)(uintptr_t)(slash ? slash + 1 : path);
}

static bool special(const char *file)
{
	return !strcmp(file, "-") || has_prefix(file, "/dev/");
}

/* ---- the command line ---------------------------------------------------------------------- */

struct parse {
	const struct call *c;
	struct cc *cc;
	size_t nscan;
	const char *object, *depfile, *lang;
	bool dep, compile, assembly, wp;
	const char *why;
};

static void keep(struct parse *p, char *arg)
{
	p->cc->scan[p->nscan++] = arg;
}

static void add_dir(struct parse *p, const char *dir)
{
	if (p->cc->ndirs == CC_DIRS)
		p->why = "searches more directories than are looked after";
	else
		p->cc->dirs[p->cc->ndirs++] = dir;
}

/* -Wp,-MD,FILE as build systems of kernels have it; other things for the preprocessor are not */
static void wp(struct parse *p, const char *arg)
{
	const char *file = NULL;

	if (has_prefix(arg, "-Wp,-MD,"))
		file = arg + 8;
	else if (has_prefix(arg, "-Wp,-MMD,"))
		file = arg + 9;
	if (!file || !*file || strchr(file, ',') || p->wp) {
		p->why = "speaks to the preprocessor directly";
		return;
	}
	p->dep = p->wp = true;
	p->depfile = file;
}

static const char *const dir_opts[] = { "-isystem", "-iquote", "-idirafter", "-I" };

/* an option with its value, joined or as the next argument; how many arguments it took */
static int value_option(struct parse *p, char **a)
{
	char *v = a[1];

	if (!v) {
		p->why = "lacks a value";
		return 1;
	}
	if (!strcmp(a[0], "-o")) {
		p->object = v;
		return 2;
	}
	if (!strcmp(a[0], "-MF")) {
		p->depfile = v;
		return 2;
	}
	if (!strcmp(a[0], "-MT") || !strcmp(a[0], "-MQ"))
		return 2;
	if (!strcmp(a[0], "-x"))
		p->lang = strcmp(v, "none") ? v : NULL;
	for (size_t i = 0; i < sizeof(dir_opts) / sizeof(dir_opts[0]); i++)
		if (!strcmp(a[0], dir_opts[i]))
			add_dir(p, v);
	keep(p, a[0]);
	keep(p, v);
	return 2;
}

static int one(struct parse *p, char **a)
{
	char *arg = a[0];

	if (arg[0] == '@') {
		p->why = "reads arguments from a file";
		return 1;
	}
	if (arg[0] != '-' || !arg[1]) {
		if (p->cc->source || !arg[1])
			p->why = arg[0] == '-' ? "reads standard input" :
				 "has more than one source";
		p->cc->source = arg;
		keep(p, arg);
		return 1;
	}
	p->why = refused(arg);
	if (p->why)
		return 1;
	if (takes_value(arg))
		return value_option(p, a);
	if (!strcmp(arg, "-c")) {
		p->compile = true;
	} else if (!strcmp(arg, "-S")) {
		p->compile = p->assembly = true;
	} else if (!strcmp(arg, "-MD") || !strcmp(arg, "-MMD")) {
		p->dep = true;
	} else if (!strcmp(arg, "-MP")) {
		;
	} else if (has_prefix(arg, "-MF")) {
		p->depfile = arg + 3;
	} else if (has_prefix(arg, "-MT") || has_prefix(arg, "-MQ")) {
		;
	} else if (has_prefix(arg, "-M")) {
		p->why = "asks for dependencies in a way not known";
	} else if (has_prefix(arg, "-Wp,")) {
		wp(p, arg);
	} else if (has_prefix(arg, "-o")) {
		p->object = arg + 2;
	} else if (has_prefix(arg, "-x")) {
		p->lang = strcmp(arg + 2, "none") ? arg + 2 : NULL;
		keep(p, arg);
	} else {
		for (size_t i = 0; i < sizeof(dir_opts) / sizeof(dir_opts[0]); i++)
			if (has_prefix(arg, dir_opts[i])) {
				add_dir(p, arg + strlen(dir_opts[i]));
				break;
			}
		keep(p, arg);
	}
	return 1;
}

/* variables that make the compiler do what its arguments do not say */
static const char *bad_env(const struct call *c)
{
	static const char *const names[] = {
		"COMPILER_PATH", "GCC_EXEC_PREFIX", "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES",
		"GCC_COMPARE_DEBUG", "CCC_OVERRIDE_OPTIONS", "SDKROOT",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (call_env(c, names[i]))
			return "the environment changes what the compiler does";
	return NULL;
}

const char *cc_parse(const struct call *c, struct cc *cc)
{
	struct parse p = { .c = c, .cc = cc };
	size_t argc = 0, i;

	memset(cc, 0, sizeof(*cc));
	while (c->argv[argc])
		argc++;
	if (!argc)
		return "has no arguments";
	cc->scan = calloc(argc + 8, sizeof(*cc->scan));
	if (!cc->scan)
		return "no memory";
	keep(&p, c->argv[0]);
	for (i = 1; i < argc && !p.why;)
		i += (size_t)one(&p, c->argv + i);
	if (!p.why)
		p.why = bad_env(c);
	if (p.why)
		return p.why;
	if (!p.compile)
		return "compiles nothing";
	if (!cc->source)
		return "names no source";
	if (special(cc->source))
		return "reads no plain file";
	if (!set_language(cc, p.lang))
		return "is in a language not looked after";
	if ((p.object && (special(p.object) || !*p.object)) ||
	    (p.depfile && (special(p.depfile) || !*p.depfile)))
		return "writes to no plain file";
	cc->object = p.object ? strdup(p.object) :
		     with_suffix(last_part(cc->source), p.assembly ? ".s" : ".o");
	if (p.dep)
		cc->dep = p.depfile ? strdup(p.depfile) :
			  with_suffix(p.object ? p.object : last_part(cc->source), ".d");
	if (!cc->object || (p.dep && !cc->dep))
		return "no memory";
	return NULL;
}

void cc_free(struct cc *cc)
{
	free(cc->object);
	free(cc->dep);
	free(cc->scan);
	memset(cc, 0, sizeof(*cc));
}
