/* SPDX-License-Identifier: GPL-2.0 */
/* min() and max() that insist on one type for both sides, and min_t(). Unit tests only. */
#ifndef SHIM_LINUX_MINMAX_H
#define SHIM_LINUX_MINMAX_H

#define min(a, b) ({							\
	__auto_type min_a = (a);					\
	__auto_type min_b = (b);					\
	_Static_assert(__builtin_types_compatible_p(__typeof__(min_a),	\
						    __typeof__(min_b)),	\
		       "min() of two types");				\
	min_a < min_b ? min_a : min_b; })

#define max(a, b) ({							\
	__auto_type max_a = (a);					\
	__auto_type max_b = (b);					\
	_Static_assert(__builtin_types_compatible_p(__typeof__(max_a),	\
						    __typeof__(max_b)),	\
		       "max() of two types");				\
	max_a > max_b ? max_a : max_b; })

#define min_t(type, a, b)	min((type)(a), (type)(b))

#endif
