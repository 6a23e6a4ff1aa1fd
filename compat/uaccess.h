/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies that do not look for the kernel's object: architectures that want them in line (arm64)
 * have no function to call, and some kernels another name for what is in line. For copy.h and
 * skb.c; a header of its own, as the ring engine includes it in user space, too.
 */
#ifndef VHC_COMPAT_UACCESS_H
#define VHC_COMPAT_UACCESS_H

#include <linux/uaccess.h>

#ifdef VHC_INLINE_COPY
#ifdef INLINE_COPY_FROM_USER
#define _copy_from_user _inline_copy_from_user
#endif
#ifdef INLINE_COPY_TO_USER
#define _copy_to_user _inline_copy_to_user
#endif
#endif

#endif
