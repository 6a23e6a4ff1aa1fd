/* SPDX-License-Identifier: GPL-2.0 */
/* Checked arithmetic, and the limits that come with it. Unit tests only. */
#ifndef SHIM_LINUX_OVERFLOW_H
#define SHIM_LINUX_OVERFLOW_H

#include <linux/types.h>

#define U16_MAX	((u16)~0U)
#define U64_MAX	((u64)~0ULL)

#define check_add_overflow(a, b, sum)	__builtin_add_overflow(a, b, sum)
#define struct_size(p, member, n)	(sizeof(*(p)) + sizeof(*(p)->member) * (size_t)(n))

#endif
