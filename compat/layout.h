/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VHC_COMPAT_LAYOUT_H
#define VHC_COMPAT_LAYOUT_H

int vhc_layout_check(void);

#endif
