// SPDX-License-Identifier: GPL-2.0-only
/* 6.5: get_user_pages_remote() and pin_user_pages_remote() without an argument for the vmas */

#include <linux/mm.h>

long probe(struct mm_struct *mm, struct page **pages);
long probe(struct mm_struct *mm, struct page **pages)
{
	return get_user_pages_remote(mm, 0, 1, 0, pages, NULL) +
	       pin_user_pages_remote(mm, 0, 1, 0, pages, NULL);
}
