/* SPDX-License-Identifier: GPL-2.0-or-later */
#define EXPORT_SYMBOL_GPL(symbol)
