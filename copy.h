/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies from guest memory, for tx.c and ring.c. They do not look for the object that they
 * write to, as copy_from_user() does (CONFIG_HARDENED_USERCOPY), which costs more than many of
 * them: the caller made room.
 */
#ifndef VHC_COPY_H
#define VHC_COPY_H

#include <linux/errno.h>
#include <linux/types.h>
#include <linux/uaccess.h>

/* Up to this length a call costs more than the copy. */
enum { VHC_COPY_INLINE = 32 };

/* Words at any address. */
typedef u64 __aligned(1) vhc_word;
typedef u32 __aligned(1) vhc_half;

/**
 * vhc_copy_in() - copy from guest memory
 * @to: where to.
 * @from: where from; any address.
 * @len: bytes, not 0.
 *
 * Return: 0, or -EFAULT if not all of it could be read; what is in @to then is not known.
 */
static __always_inline int vhc_copy_in(void *to, const void __user *from, size_t len)
{
	if (!IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS) || len > VHC_COPY_INLINE)
		return _copy_from_user(to, from, len) ? -EFAULT : 0;

	if (!user_read_access_begin(from, len))
		return -EFAULT;
	for (; len >= sizeof(u64); len -= sizeof(u64)) {
		u64 word;

		unsafe_get_user(word, (const vhc_word __user *)from, fault);
		*(vhc_word *)to = word;
		from += sizeof(word);
		to += sizeof(word);
	}
	if (len & sizeof(u32)) {
		u32 half;

		unsafe_get_user(half, (const vhc_half __user *)from, fault);
		*(vhc_half *)to = half;
		from += sizeof(half);
		to += sizeof(half);
		len -= sizeof(half);
	}
	for (; len; len--) {
		u8 byte;

		unsafe_get_user(byte, (const u8 __user *)from, fault);
		*(u8 *)to = byte;
		from++;
		to++;
	}
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

#endif
