// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs the KUnit suites this program is linked with; a line for each test, as KUnit has it. */
#include <stdarg.h>

#include <kunit/test.h>

static struct kunit_suite *suites;
static void *memory[64];
static unsigned int nr_memory;

void kunit_register(struct kunit_suite *suite)
{
	suite->next = suites;
	suites = suite;
}

void kunit_failed(struct kunit *test, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	test->failed = true;
	printf("# %s: %s:%d: ", test->name, file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void *kunit_kzalloc(struct kunit *test, size_t size, int gfp)
{
	(void)test;
	(void)gfp;
	if (nr_memory == ARRAY_SIZE(memory))
		return NULL;
	return memory[nr_memory++] = calloc(1, size);
}

int main(void)
{
	int bad = 0;

	for (struct kunit_suite *s = suites; s; s = s->next) {
		for (struct kunit_case *c = s->test_cases; c->run; c++) {
			struct kunit test = { .name = c->name };

			c->run(&test);
			printf("%s %s.%s\n", test.failed ? "not ok" : "ok", s->name, c->name);
			bad |= test.failed;
			while (nr_memory)
				free(memory[--nr_memory]);
		}
	}
	return bad;
}
