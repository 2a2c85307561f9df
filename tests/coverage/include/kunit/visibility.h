/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _COVERAGE_KUNIT_VISIBILITY_H
#define _COVERAGE_KUNIT_VISIBILITY_H
#define EXPORT_SYMBOL_IF_KUNIT(symbol)
#define VISIBLE_IF_KUNIT static
#endif
