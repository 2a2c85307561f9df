// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl: arguments, tables, help at each level, and one line for every mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "amctl_main.h"
#include "amctl_net_udp.h"
#include "../../tests/broker/broker_run.h"

struct result {
	int status;
	char out[65536], err[8192];
};

static void read_all(FILE *f, char *buf, size_t size)
{
	size_t n;

	rewind(f);
	n = fread(buf, 1, size - 1, f);
	buf[n] = '\0';
	fclose(f);
}

/* `amctl ARGS...` in a process of its own; words are blank separated, '' is an empty one */
static struct result *amctl(const char *line)
{
	static struct result r;
	char words[1024], *argv[64] = { (char *)"amctl" };
	FILE *out = tmpfile(), *err = tmpfile();
	int argc = 1, status;
	pid_t pid;

	assert_non_null(out);
	assert_non_null(err);
	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok(words, " "); w && argc < 63; w = strtok(NULL, " "))
		argv[argc++] = strcmp(w, "''") ? w : (char *)"";
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int rc;

		dup2(fileno(out), 1);
		dup2(fileno(err), 2);
		rc = amctl_main(argc, argv);
		fflush(NULL);
		_exit(rc);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	r.status = WEXITSTATUS(status);
	read_all(out, r.out, sizeof(r.out));
	read_all(err, r.err, sizeof(r.err));
	return &r;
}

static size_t lines(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

/* a mistake: status, nothing on standard output, one line with object and remedy */
static void mistake(const char *line, int status, const char *object)
{
	struct result *r = amctl(line);
	char head[64];

	snprintf(head, sizeof(head), "amctl: %s%s", object, *object ? ": " : "");
	if (r->status != status || *r->out || lines(r->err) != 1 ||
	    strncmp(r->err, head, strlen(head)) || !strstr(r->err, " (") ||
	    !strstr(r->err, ")\n"))
		fail_msg("amctl %s: status %d, out '%s', err '%s'", line, r->status, r->out,
			 r->err);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static void quiet(void)
{
	amctl_where = "test";
	assert_non_null(freopen("/dev/null", "w", stderr));
}

static void numbers(void **state)
{
	uint64_t v;

	(void)state;
	quiet();
	assert_int_equal(amctl_arg_u64("n", "0", 0, 9, &v), AMCTL_OK);
	assert_int_equal(v, 0);
	assert_int_equal(amctl_arg_u64("n", "0x1f", 0, 255, &v), AMCTL_OK);
	assert_int_equal(v, 31);
	assert_int_equal(amctl_arg_u64("n", "18446744073709551615", 0, UINT64_MAX, &v),
			 AMCTL_OK);
	assert_true(v == UINT64_MAX);
	assert_int_equal(amctl_arg_u64("n", "18446744073709551616", 0, UINT64_MAX, &v),
			 AMCTL_USAGE);
	assert_int_equal(amctl_arg_u64("n", "10", 0, 9, &v), AMCTL_USAGE);
	assert_int_equal(amctl_arg_u64("n", "1", 2, 9, &v), AMCTL_USAGE);
	assert_int_equal(amctl_arg_u64("n", "-1", 0, 9, &v), AMCTL_USAGE);
	assert_int_equal(amctl_arg_u64("n", " 1", 0, 9, &v), AMCTL_USAGE);
	assert_int_equal(amctl_arg_u64("n", "1x", 0, 9, &v), AMCTL_USAGE);
	assert_int_equal(amctl_arg_u64("n", "", 0, 9, &v), AMCTL_USAGE);
	assert_int_equal(amctl_arg_u64("n", NULL, 0, 9, &v), AMCTL_USAGE);
}

static void switches(void **state)
{
	bool v = false;

	(void)state;
	quiet();
	assert_int_equal(amctl_arg_bool("b", "on", &v), AMCTL_OK);
	assert_true(v);
	assert_int_equal(amctl_arg_bool("b", "0", &v), AMCTL_OK);
	assert_false(v);
	assert_int_equal(amctl_arg_bool("b", "maybe", &v), AMCTL_USAGE);
	assert_int_equal(amctl_arg_bool("b", NULL, &v), AMCTL_USAGE);
}

static void bytes(void **state)
{
	static const uint8_t want[6] = { 1, 2, 0xab, 0xc, 0, 0xff };
	uint8_t b[6];

	(void)state;
	quiet();
	assert_int_equal(amctl_arg_hex("p", "1:02:ab:C:0:ff", b, 6), AMCTL_OK);
	assert_memory_equal(b, want, 6);
	assert_int_equal(amctl_arg_hex("p", "0102AB0c00ff", b, 6), AMCTL_OK);
	assert_memory_equal(b, want, 6);
	assert_int_equal(amctl_arg_hex("p", "0102ab0c00f", b, 6), AMCTL_USAGE);
	assert_int_equal(amctl_arg_hex("p", "0102ab0c00ff0", b, 6), AMCTL_USAGE);
	assert_int_equal(amctl_arg_hex("p", "1:2:3:4:5", b, 6), AMCTL_USAGE);
	assert_int_equal(amctl_arg_hex("p", "1:2:3:4:5:6:7", b, 6), AMCTL_USAGE);
	assert_int_equal(amctl_arg_hex("p", "1:2:3:4:5:", b, 6), AMCTL_USAGE);
	assert_int_equal(amctl_arg_hex("p", "1:2:3:4:5:123", b, 6), AMCTL_USAGE);
	assert_int_equal(amctl_arg_hex("p", "::::::", b, 6), AMCTL_USAGE);
	assert_int_equal(amctl_arg_hex("p", "", b, 6), AMCTL_USAGE);
	assert_int_equal(amctl_arg_hex("p", NULL, b, 6), AMCTL_USAGE);
}

/* addresses of overlays */
static void overlays(void **state)
{
	static const char *const wrong[] = {
		"", "x", "10.0.0", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:80x",
		"[fd00::1", "[fd00::1]80", "[fd00::1]:", "[10.0.0.1]:80]", "fd00::1::2",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1",
	};
	static const uint8_t v4[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1 };
	static const uint8_t v6[] = { 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
	struct amctl_udp u = { .on = true };
	int rc;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_true(amctl_udp_key(&u, "peer", wrong[i], &rc));
		assert_int_not_equal(rc, AMCTL_OK);
	}
	u.n_peers = 0;
	assert_true(amctl_udp_key(&u, "peer", "10.0.0.1", &rc) && rc == AMCTL_OK);
	assert_true(amctl_udp_key(&u, "peer", "10.0.0.1:8147", &rc) && rc == AMCTL_OK);
	assert_true(amctl_udp_key(&u, "peer", "fd00::1", &rc) && rc == AMCTL_OK);
	assert_true(amctl_udp_key(&u, "peer", "[fd00::1]:65535", &rc) && rc == AMCTL_OK);
	assert_int_equal(u.n_peers, 4);
	for (size_t i = 0; i < 4; i++)
		assert_memory_equal(u.peers[i], i < 2 ? v4 : v6, AMCTL_UDP_ADDR);
	assert_memory_equal(u.peers[0] + AMCTL_UDP_ADDR, "\0\0", 2);
	assert_memory_equal(u.peers[1] + AMCTL_UDP_ADDR, "\x1f\xd3", 2);
	assert_memory_equal(u.peers[3] + AMCTL_UDP_ADDR, "\xff\xff", 2);
	assert_true(amctl_udp_key(&u, "group", "239.1.2.3", &rc) && rc == AMCTL_OK);
	assert_true(amctl_udp_key(&u, "group", "239.1.2.3", &rc) && rc == AMCTL_USAGE);
	assert_false(amctl_udp_key(&u, "weight", "3", &rc));
	u.on = false;
	assert_false(amctl_udp_key(&u, "peer", "10.0.0.1", &rc));
}

static void texts(void **state)
{
	char size[16], hex[16];

	(void)state;
	assert_string_equal(amctl_size(0, size), "0");
	assert_string_equal(amctl_size(1023, size), "1023");
	assert_string_equal(amctl_size(1024, size), "1.0K");
	assert_string_equal(amctl_size(1536, size), "1.5K");
	assert_string_equal(amctl_size(1048575, size), "1.0M");
	assert_string_equal(amctl_size(10 << 20, size), "10M");
	assert_string_equal(amctl_size(UINT64_MAX, size), "16E");
	assert_string_equal(amctl_hex("\x01\xff", 2, ':', hex, sizeof(hex)), "01:ff");
	assert_string_equal(amctl_hex("\x01\xff", 2, 0, hex, sizeof(hex)), "01ff");
	assert_string_equal(amctl_hex("\x01\xff\x02\x03\x04\x05\x06\x07", 8, 0, hex, 6), "01ff");
	assert_string_equal(amctl_hex("", 0, ':', hex, sizeof(hex)), "");
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void example(void)
{
	struct amctl_table *t = amctl_table("name +count state");

	amctl_row(t);
	amctl_cell(t, "name", "a");
	amctl_cell_u64(t, "count", 1234);
	amctl_cell_bool(t, "state", true, "on", "off");
	amctl_row(t);
	amctl_cell(t, "name", "longer \"name\"");
	amctl_table_end(t, "nothing");
}

static char *capture(void (*fn)(void), bool json)
{
	static char text[4096];
	FILE *f = tmpfile();
	int saved = dup(1);

	fflush(stdout);
	dup2(fileno(f), 1);
	amctl_json = json;
	fn();
	amctl_json = false;
	fflush(stdout);
	dup2(saved, 1);
	close(saved);
	read_all(f, text, sizeof(text));
	return text;
}

static void table_text(void **state)
{
	(void)state;
	assert_string_equal(capture(example, false),
			    "name           count  state\n"
			    "a               1234  on\n"
			    "longer \"name\"      -  -\n");
}

static void table_json(void **state)
{
	struct json_object *a, *row, *v;

	(void)state;
	a = json_tokener_parse(capture(example, true));
	assert_true(json_object_is_type(a, json_type_array));
	assert_int_equal(json_object_array_length(a), 2);
	row = json_object_array_get_idx(a, 0);
	assert_true(json_object_object_get_ex(row, "count", &v));
	assert_int_equal(json_object_get_int(v), 1234);
	assert_true(json_object_object_get_ex(row, "state", &v));
	assert_true(json_object_is_type(v, json_type_boolean));
	row = json_object_array_get_idx(a, 1);
	assert_false(json_object_object_get_ex(row, "count", &v));
	assert_true(json_object_object_get_ex(row, "name", &v));
	assert_string_equal(json_object_get_string(v), "longer \"name\"");
	json_object_put(a);
}

/* ---- help ------------------------------------------------------------------------------------ */

static void help(void **state)
{
	const struct amctl_object *o;
	struct result *r;
	char line[128];

	(void)state;
	r = amctl("help");
	assert_int_equal(r->status, AMCTL_OK);
	for (size_t n = 0; (o = amctl_object_nth(n)); n++) {
		snprintf(line, sizeof(line), "\n  %s ", o->name);
		r = amctl("-h");
		assert_non_null(strstr(r->out, line));
		snprintf(line, sizeof(line), "help %s", o->name);
		r = amctl(line);
		assert_int_equal(r->status, AMCTL_OK);
		assert_string_equal(r->err, "");
		assert_non_null(strstr(r->out, o->help));
		snprintf(line, sizeof(line), "%s --help", o->name);
		r = amctl(line);
		assert_int_equal(r->status, AMCTL_OK);
		for (const struct amctl_verb *v = o->verbs; v && v->name; v++) {
			snprintf(line, sizeof(line), "amctl %s %s", o->name, v->name);
			assert_non_null(strstr(r->out, line));
			snprintf(line, sizeof(line), "%s %s -h", o->name, v->name);
			assert_int_equal(amctl(line)->status, AMCTL_OK);
			snprintf(line, sizeof(line), "%s --help", o->name);
			r = amctl(line);
		}
	}
	assert_int_equal(amctl("")->status, AMCTL_USAGE);
	assert_int_equal(amctl("-V")->status, AMCTL_OK);
}

/* every table is complete: what it lacks would show as "(null)" or end a list early */
static void tables_whole(void **state)
{
	const struct amctl_object *o;

	(void)state;
	for (size_t n = 0; (o = amctl_object_nth(n)); n++) {
		assert_non_null(o->name);
		assert_non_null(o->help);
		if (!o->verbs) {
			assert_non_null(o->func);
			assert_non_null(o->args);
			assert_non_null(o->words);
			continue;
		}
		for (const struct amctl_verb *v = o->verbs; v->name; v++) {
			assert_non_null(v->func);
			assert_non_null(v->args);
			assert_non_null(v->help);
			assert_non_null(v->words);
		}
	}
}

static void mistakes(void **state)
{
	(void)state;
	mistake("frob", AMCTL_USAGE, "");
	mistake("-x net list", AMCTL_USAGE, "");
	mistake("''", AMCTL_USAGE, "");
	mistake("help frob", AMCTL_FAIL, "help");
	mistake("net frob", AMCTL_USAGE, "net");
	mistake("net add", AMCTL_USAGE, "net");
	mistake("net add ''", AMCTL_FAIL, "net");
	mistake("net add averylongdevicename", AMCTL_FAIL, "net");
	mistake("net add eth0 weight", AMCTL_USAGE, "net");
	mistake("net add eth0 weight 0", AMCTL_USAGE, "net");
	mistake("net add eth0 weight 26", AMCTL_USAGE, "net");
	mistake("net add eth0 weight three", AMCTL_USAGE, "net");
	mistake("net add eth0 trusted perhaps", AMCTL_USAGE, "net");
	mistake("net add eth0 mtu 9000", AMCTL_USAGE, "net");
	mistake("net set eth0", AMCTL_USAGE, "net");
	mistake("net del eth0 weight 3", AMCTL_USAGE, "net");
	mistake("net list eth0 eth1", AMCTL_USAGE, "net");
	mistake("route get", AMCTL_USAGE, "route");
	mistake("route get 12:34", AMCTL_USAGE, "route");
	mistake("route list eth0", AMCTL_USAGE, "route");
	mistake("neigh list x", AMCTL_USAGE, "neigh");
	mistake("addr list x", AMCTL_USAGE, "addr");
	mistake("stat list a b", AMCTL_USAGE, "stat");
	mistake("monitor count 0", AMCTL_USAGE, "monitor");
	mistake("cap show", AMCTL_USAGE, "cap");
	mistake("cap restrict 1:2:3:4:5:6/7(FF)/1:2:3:4:5:6", AMCTL_USAGE, "cap");
	mistake("cap restrict 1:2:3:4:5:6/7(FF)/1:2:3:4:5:6 256", AMCTL_USAGE, "cap");
	mistake("cap make port 0:0:0:0:0:0", AMCTL_USAGE, "cap");
	mistake("cap make port 1:2:3:4:5:6 getport 1:2:3:4:5:6", AMCTL_USAGE, "cap");
	mistake("cap make object 16777216", AMCTL_USAGE, "cap");
	mistake("cap make frob 1", AMCTL_USAGE, "cap");
	mistake("cap check 1:2:3:4:5:6/7(FF)/1:2:3:4:5:6 1:2:3:4:5:7", AMCTL_FAIL, "cap");
	mistake("cap check 1:2:3:4:5:6/7(FF)/1:2:3:4:5:6 xyz", AMCTL_USAGE, "cap");
	mistake("ls -x", AMCTL_USAGE, "ls");
	mistake("mkdir", AMCTL_USAGE, "mkdir");
	mistake("mkdir ''", AMCTL_USAGE, "mkdir");
	mistake("mkdir -q /a", AMCTL_USAGE, "mkdir");
	mistake("rm", AMCTL_USAGE, "rm");
	mistake("rm -x /a", AMCTL_USAGE, "rm");
	mistake("put", AMCTL_USAGE, "put");
	mistake("put a", AMCTL_USAGE, "put");
	mistake("put a ''", AMCTL_USAGE, "put");
	mistake("get", AMCTL_USAGE, "get");
	mistake("get a b c", AMCTL_USAGE, "get");
	mistake("get -x a", AMCTL_USAGE, "get");
	mistake("join", AMCTL_USAGE, "join");
	mistake("join nonsense", AMCTL_FAIL, "join");
	mistake("join 0:0:0:0:0:0/0(0)/0:0:0:0:0:0", AMCTL_FAIL, "join");
	mistake("join 1:2:3:4:5:6/7(FF)/1:2:3:4:5:6 now", AMCTL_USAGE, "join");
	mistake("root show x", AMCTL_USAGE, "root");
	mistake("doctor x", AMCTL_USAGE, "doctor");
	mistake("completion zsh", AMCTL_FAIL, "completion");
}

/* ---- with a broker and no servers -------------------------------------------------------------- */

static void no_root(void **state)
{
	(void)state;
	setenv("AMOEBA_ROOT", "nonsense", 1);
	mistake("ls", AMCTL_FAIL, "ls");
	mistake("get /x", AMCTL_FAIL, "get");
	mistake("mkdir /x", AMCTL_FAIL, "mkdir");
	mistake("rm /x", AMCTL_FAIL, "rm");
	mistake("put /etc/hostname /x", AMCTL_FAIL, "put");
	mistake("root show", AMCTL_FAIL, "root");
	unsetenv("AMOEBA_ROOT");
}

static void caps(void **state)
{
	static const char owner[] = "F:89:5:C8:FE:FF/7(FF)/1:2:3:4:5:6";
	char line[256];
	struct result *r;

	(void)state;
	snprintf(line, sizeof(line), "cap restrict %s rights 0x0e", owner);
	r = amctl(line);
	assert_int_equal(r->status, AMCTL_OK);
	assert_string_equal(r->out, "F:89:5:C8:FE:FF/7(E)/4C:7E:76:29:F1:79\n");
	r = amctl("cap check F:89:5:C8:FE:FF/7(E)/4C:7E:76:29:F1:79 random 010203040506");
	assert_int_equal(r->status, AMCTL_OK);
	assert_string_equal(r->out, "genuine, rights 0x0e\n");
	r = amctl("cap make getport 010000000000 object 9 random 010203040506 rights 1");
	assert_int_equal(r->status, AMCTL_OK);
	assert_non_null(strstr(r->out, "F:89:5:C8:FE:FF/9(1)/39:7:10:B8:DD:2F"));
	r = amctl("-j cap make getport 010000000000");
	assert_int_equal(r->status, AMCTL_OK);
	assert_non_null(strstr(r->out, "\"getport\":\"01:00:00:00:00:00\""));
	r = amctl("-j cap check F:89:5:C8:FE:FF/7(E)/4C:7E:76:29:F1:70 010203040506");
	assert_int_equal(r->status, AMCTL_FAIL);
	assert_non_null(strstr(r->out, "\"genuine\":false"));
}

static void completion(void **state)
{
	char path[] = "/tmp/amctl_completion.XXXXXX", cmd[256];
	struct result *r = amctl("completion");
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(r->status, AMCTL_OK);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, r->out, strlen(r->out)), (ssize_t)strlen(r->out));
	close(fd);
	snprintf(cmd, sizeof(cmd),
		 "bash -c '. %s; COMP_WORDS=(amctl net a); COMP_CWORD=2; _amctl; "
		 "test \"${COMPREPLY[*]}\" = add && COMP_WORDS=(amctl -j \"\"); COMP_CWORD=2; "
		 "_amctl; [[ \" ${COMPREPLY[*]} \" == *\" doctor \"* ]]'", path);
	assert_int_equal(system(cmd), 0);
	unlink(path);
}

static int start(void **state)
{
	(void)state;
	unsetenv("AMOEBA_ROOT");
	return am_broker_run();
}

static int end(void **state)
{
	(void)state;
	am_broker_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help),
		cmocka_unit_test(tables_whole),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(no_root),
		cmocka_unit_test(caps),
		cmocka_unit_test(completion),
		cmocka_unit_test(table_text),
		cmocka_unit_test(table_json),
		cmocka_unit_test(texts),
		cmocka_unit_test(numbers),
		cmocka_unit_test(switches),
		cmocka_unit_test(bytes),
		cmocka_unit_test(overlays),
	};

	return cmocka_run_group_tests(tests, start, end);
}
