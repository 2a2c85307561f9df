// SPDX-License-Identifier: GPL-2.0-or-later
/* amctl cap: capabilities as text, restricted, made, checked; most of it needs no server. */
#include <stdlib.h>
#include <string.h>

#include "amctl.h"

#define RIGHTS_ALL 0xff

static int print_cap(const am_cap *c)
{
	char text[AM_CAP_TEXT];

	am_cap_text(c, text);
	if (amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "capability", json_object_new_string(text));
		return amctl_print_json(o);
	}
	puts(text);
	return AMCTL_OK;
}

/* a machine without the device cannot ask anyone: that is not the server's silence */
static const char *why(am_status s)
{
	if (s == AM_RPC_FAILURE && am_open())
		return "not asked: /dev/amoeba is not there (modprobe amoeba)";
	return am_why(s);
}

/* ---- show ---------------------------------------------------------------------------------- */

static int cap_show(int argc, char **argv)
{
	char text[AM_CAP_TEXT], port[24], check[24], hex[40], info[256];
	enum amctl_kind kind;
	am_status s;
	am_cap c;
	int rc;

	if (argc < 1 || argc > 1)
		return amctl_bad(argc ? "one capability at a time" : "which capability?");
	rc = amctl_path(argv[0], &c);
	if (rc)
		return rc;
	am_cap_text(&c, text);
	amctl_hex(&c.port, 6, ':', port, sizeof(port));
	amctl_hex(c.check, 6, ':', check, sizeof(check));
	amctl_hex(&c, sizeof(c), 0, hex, sizeof(hex));
	s = am_cap_null(&c) ? AM_RPC_BADPORT : amctl_kind(&c, &kind, info, sizeof(info));
	if (amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "capability", json_object_new_string(text));
		json_object_object_add(o, "port", json_object_new_string(port));
		json_object_object_add(o, "object", json_object_new_int64(am_cap_object(&c)));
		json_object_object_add(o, "rights", json_object_new_int(c.rights));
		json_object_object_add(o, "check", json_object_new_string(check));
		json_object_object_add(o, "bytes", json_object_new_string(hex));
		json_object_object_add(o, "status", json_object_new_string(why(s)));
		if (!s) {
			json_object_object_add(o, "kind",
				json_object_new_string(amctl_kind_name(kind)));
			json_object_object_add(o, "info", json_object_new_string(info));
		}
		return amctl_print_json(o);
	}
	printf("capability  %s%s%s\n", amctl_on(AMC_NAME), text, amctl_off());
	printf("port        %s\n", port);
	printf("object      %u\n", am_cap_object(&c));
	printf("rights      0x%02x%s\n", c.rights, c.rights == RIGHTS_ALL ? " (owner)" : "");
	printf("check       %s\n", check);
	printf("bytes       %s\n", hex);
	if (s)
		printf("server      %s%s%s\n", amctl_on(AMC_WARN), why(s), amctl_off());
	else
		printf("server      %s%s%s: %s\n", amctl_on(AMC_GOOD), amctl_kind_name(kind),
		       amctl_off(), info);
	return AMCTL_OK;
}

/* ---- restrict ------------------------------------------------------------------------------ */

static int cap_restrict(int argc, char **argv)
{
	uint64_t mask;
	am_cap c, out;
	am_status s;
	int rc;

	if (argc == 3 && !strcmp(argv[1], "rights")) {
		argv[1] = argv[2];
		argc = 2;
	}
	if (argc != 2)
		return amctl_bad(argc < 2 ? "a capability and a mask of rights are wanted" :
					    "unexpected '%s'", argc < 2 ? "" : argv[2]);
	rc = amctl_arg_u64("rights", argv[1], 0, 0xff, &mask);
	if (!rc)
		rc = amctl_path(argv[0], &c);
	if (rc)
		return rc;
	s = am_std_restrict(&c, (uint8_t)mask, &out);
	if (s)
		return amctl_err_status(argv[0], s);
	return print_cap(&out);
}

/* ---- make and check: what a server does with the random number of its object ----------------- */

static int cap_make(int argc, char **argv)
{
	uint64_t object = 0, rights = RIGHTS_ALL;
	bool have_put = false, have_get = false, have_random = false;
	am_port port = { { 0 } }, get, random;
	char text[AM_CAP_TEXT], hex[24];
	am_cap c;
	int rc;

	for (; argc; argc -= 2, argv += 2) {
		const char *key = argv[0], *val = argc > 1 ? argv[1] : NULL;

		if (!strcmp(key, "port")) {
			rc = amctl_arg_hex(key, val, port.b, 6);
			have_put = true;
		} else if (!strcmp(key, "getport")) {
			rc = amctl_arg_hex(key, val, get.b, 6);
			have_get = true;
		} else if (!strcmp(key, "random")) {
			rc = amctl_arg_hex(key, val, random.b, 6);
			have_random = true;
		} else if (!strcmp(key, "object")) {
			rc = amctl_arg_u64(key, val, 0, 0xffffff, &object);
		} else if (!strcmp(key, "rights")) {
			rc = amctl_arg_u64(key, val, 0, 0xff, &rights);
		} else {
			return amctl_bad("no key '%s'", key);
		}
		if (rc)
			return rc;
	}
	if (have_put && have_get)
		return amctl_bad("port and getport are two ways to say one thing");
	if (!have_put) {
		if (!have_get)
			am_port_random(&get);
		am_one_way(&get, &port);
	}
	if (am_port_null(&port))
		return amctl_bad("a port of zeros names nothing");
	if (!have_random)
		am_port_random(&random);
	am_cap_make(&c, &port, (uint32_t)object, (uint8_t)rights, &random);
	am_cap_text(&c, text);
	if (amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "capability", json_object_new_string(text));
		if (!have_put)
			json_object_object_add(o, "getport", json_object_new_string(
				amctl_hex(&get, 6, ':', hex, sizeof(hex))));
		json_object_object_add(o, "random", json_object_new_string(
			amctl_hex(&random, 6, ':', hex, sizeof(hex))));
		return amctl_print_json(o);
	}
	printf("capability  %s\n", text);
	if (!have_put)
		printf("getport     %s\n", amctl_hex(&get, 6, ':', hex, sizeof(hex)));
	printf("random      %s\n", amctl_hex(&random, 6, ':', hex, sizeof(hex)));
	return AMCTL_OK;
}

static int cap_check(int argc, char **argv)
{
	uint8_t rights = 0;
	am_port random;
	am_status s;
	am_cap c;
	int rc;

	if (argc == 3 && !strcmp(argv[1], "random")) {
		argv[1] = argv[2];
		argc = 2;
	}
	if (argc != 2)
		return amctl_bad("a capability and its object's random number are wanted");
	rc = amctl_arg_hex("random", argv[1], random.b, 6);
	if (!rc)
		rc = amctl_path(argv[0], &c);
	if (rc)
		return rc;
	s = am_cap_check(&c, &random, &rights);
	if (amctl_json) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "genuine", json_object_new_boolean(!s));
		if (!s)
			json_object_object_add(o, "rights", json_object_new_int(rights));
		amctl_print_json(o);
		return s ? AMCTL_FAIL : AMCTL_OK;
	}
	if (s)
		return amctl_err("it was made with another number, or changed since",
				 "%s: the check field does not fit", argv[0]);
	printf("genuine, rights 0x%02x\n", rights);
	return AMCTL_OK;
}

static const struct amctl_verb verbs[] = {
	{ "show", cap_show, "CAP|PATH", "its fields, and what its server says of it", "@path" },
	{ "restrict", cap_restrict, "CAP|PATH [rights] MASK",
	  "the same object with only the rights in MASK", "@path rights" },
	{ "make", cap_make,
	  "[getport HEX | port HEX] [object N] [rights MASK] [random HEX]",
	  "a new one; what is not given is drawn", "getport port object rights random" },
	{ "check", cap_check, "CAP|PATH [random] HEX",
	  "is it genuine, given the random number of its object", "@path random" },
	{ NULL, NULL, NULL, NULL, NULL }
};

const struct amctl_object amctl_obj_cap = {
	.name = "cap",
	.help = "capabilities: show, restrict, make, check",
	.verbs = verbs,
	.details =
		"A CAP is 16 bytes, as text PORT/OBJECT(RIGHTS)/CHECK:\n"
		"  F:89:5:C8:FE:FF/7(FF)/1:2:3:4:5:6\n"
		"Whoever holds it may do what its rights say; restricting an owner capability\n"
		"(rights ff) needs no server.",
};
