/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies from and to guest memory, for tx.c, skb.c and ring.c. They do not look for the kernel's
 * object, as copy_from_user() and copy_to_user() do (CONFIG_HARDENED_USERCOPY), which costs more
 * than many of them: the caller knows that it is large enough, and may be shown.
 */
#ifndef VHC_COPY_H
#define VHC_COPY_H

#include <linux/errno.h>
#include <linux/types.h>

#include "compat/uaccess.h"

/* Up to this length a call costs more than the copy. */
enum { VHC_COPY_INLINE = 128 };

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
	for (; len >= 4 * sizeof(u64); len -= 4 * sizeof(u64)) {
		const vhc_word __user *in = from;
		vhc_word *out = to;
		u64 a, b, c, d;

		unsafe_get_user(a, in, fault);
		unsafe_get_user(b, in + 1, fault);
		unsafe_get_user(c, in + 2, fault);
		unsafe_get_user(d, in + 3, fault);
		out[0] = a;
		out[1] = b;
		out[2] = c;
		out[3] = d;
		from += 4 * sizeof(u64);
		to += 4 * sizeof(u64);
	}
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

/**
 * vhc_copy_out() - copy to guest memory
 * @to: where to; any address.
 * @from: where from.
 * @len: bytes, not 0.
 *
 * Return: 0, or -EFAULT if not all of it could be written.
 */
static __always_inline int vhc_copy_out(void __user *to, const void *from, size_t len)
{
	if (!IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS) || len > VHC_COPY_INLINE)
		return _copy_to_user(to, from, len) ? -EFAULT : 0;

	if (!user_write_access_begin(to, len))
		return -EFAULT;
	for (; len >= 4 * sizeof(u64); len -= 4 * sizeof(u64)) {
		const vhc_word *in = from;
		vhc_word __user *out = to;
		u64 a = in[0], b = in[1], c = in[2], d = in[3];

		unsafe_put_user(a, out, fault);
		unsafe_put_user(b, out + 1, fault);
		unsafe_put_user(c, out + 2, fault);
		unsafe_put_user(d, out + 3, fault);
		from += 4 * sizeof(u64);
		to += 4 * sizeof(u64);
	}
	for (; len >= sizeof(u64); len -= sizeof(u64)) {
		u64 word = *(const vhc_word *)from;

		unsafe_put_user(word, (vhc_word __user *)to, fault);
		from += sizeof(word);
		to += sizeof(word);
	}
	if (len & sizeof(u32)) {
		u32 half = *(const vhc_half *)from;

		unsafe_put_user(half, (vhc_half __user *)to, fault);
		from += sizeof(half);
		to += sizeof(half);
		len -= sizeof(half);
	}
	for (; len; len--) {
		u8 byte = *(const u8 *)from;

		unsafe_put_user(byte, (u8 __user *)to, fault);
		from++;
		to++;
	}
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

#endif
