/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KUnit in a program: as much of it as the tests of pure files use. A suite registers itself. */
#ifndef _COVERAGE_KUNIT_TEST_H
#define _COVERAGE_KUNIT_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/string.h>

struct kunit {
	const char	*name;
	bool		failed;
};

struct kunit_case {
	void		(*run)(struct kunit *test);
	const char	*name;
};

struct kunit_suite {
	const char		*name;
	struct kunit_case	*test_cases;
	struct kunit_suite	*next;
};

void kunit_register(struct kunit_suite *suite);
void kunit_failed(struct kunit *test, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void *kunit_kzalloc(struct kunit *test, size_t size, int gfp);

#define GFP_KERNEL	0
#define KUNIT_CASE(f)	{ .run = f, .name = #f }
#define kunit_test_suite(s)							\
	static void __attribute__((constructor)) register_suite(void)		\
	{									\
		kunit_register(&s);						\
	}

#define KUNIT_THAT(test, a, op, b, ...)						\
	do {									\
		__auto_type _a = (a);						\
		__auto_type _b = (b);						\
										\
		if (!(_a op _b)) {						\
			kunit_failed(test, __FILE__, __LINE__,			\
				     "wanted " #a " " #op " " #b ", which is %lld and %lld",	\
				     (long long)_a, (long long)_b);		\
			kunit_failed(test, __FILE__, __LINE__, __VA_ARGS__);	\
		}								\
	} while (0)

#define KUNIT_EXPECT_EQ(test, a, b)		KUNIT_THAT(test, a, ==, b, "as expected")
#define KUNIT_EXPECT_EQ_MSG(test, a, b, ...)	KUNIT_THAT(test, a, ==, b, __VA_ARGS__)
#define KUNIT_EXPECT_GT(test, a, b)		KUNIT_THAT(test, a, >, b, "as expected")
#define KUNIT_EXPECT_LE(test, a, b)		KUNIT_THAT(test, a, <=, b, "as expected")
#define KUNIT_EXPECT_TRUE(test, a)		KUNIT_THAT(test, !!(a), ==, true, "as expected")
#define KUNIT_EXPECT_FALSE(test, a)		KUNIT_THAT(test, !!(a), ==, false, "as expected")
#define KUNIT_EXPECT_FALSE_MSG(test, a, ...)	KUNIT_THAT(test, !!(a), ==, false, __VA_ARGS__)
#define KUNIT_ASSERT_NOT_NULL(test, p)		do { if (!(p)) abort(); } while (0)

#endif
