/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file that the secret of a chain is in (core/record/chain.h): for who writes a journal, and
 * for who proves it. Private to io/. Thread: any; blocks on the file.
 */
#ifndef WR_IO_CHAIN_KEY_H
#define WR_IO_CHAIN_KEY_H

#include <weir/error.h>

#include "core/record/chain.h"

/* 0; -EINVAL: too short, or too long; or what the file's open or read said. No byte of it is in the
 * problem, whose field is `chain_key_file`. */
int wr_chain_secret_read(const char *path, struct wr_chain_secret *ret_secret,
			 struct weir_problem *reterr_problem);
/* Overwrites it, whatever the compiler thinks of that. */
void wr_chain_secret_forget(struct wr_chain_secret *secret);

#endif
