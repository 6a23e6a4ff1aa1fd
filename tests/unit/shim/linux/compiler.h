/* SPDX-License-Identifier: GPL-2.0 */
/* The compiler's words that the ring engine uses, for user space. Unit tests only. */
#ifndef SHIM_LINUX_COMPILER_H
#define SHIM_LINUX_COMPILER_H

#define __user
#define __aligned(bytes)	__attribute__((__aligned__(bytes)))
#define noinline	__attribute__((__noinline__))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/* Of all options of the kernel, the engine asks for those of the machines that matter. */
#define IS_ENABLED(option)	1

#endif
