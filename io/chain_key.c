/* SPDX-License-Identifier: Apache-2.0 */
#include "io/chain_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int tell(struct weir_problem *problem, int code, const char *path, const char *what)
{
	if (problem != NULL) {
		*problem = (struct weir_problem){.code = code};
		(void)snprintf(problem->field, sizeof problem->field, "chain_key_file");
		(void)snprintf(problem->text, sizeof problem->text, "%.90s: %.90s", path, what);
	}
	return code;
}

int wr_chain_secret_read(const char *path, struct wr_chain_secret *ret_secret,
			 struct weir_problem *reterr_problem)
{
	uint8_t more;
	size_t used = 0;
	ssize_t n = 1;
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return tell(reterr_problem, -errno, path, strerror(errno));
	while (n > 0) {
		bool is_full = used == WR_CHAIN_SECRET_MAX;
		n = read(file, is_full ? &more : ret_secret->bytes + used,
			 is_full ? 1 : WR_CHAIN_SECRET_MAX - used);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (is_full && n > 0)
			break;
		used += n > 0 ? (size_t)n : 0;
	}
	int code = n < 0 ? -errno : 0;
	(void)close(file);
	if (code == 0 && n == 0 && used >= WR_CHAIN_SECRET_MIN) {
		ret_secret->count = (uint32_t)used;
		return 0;
	}
	wr_chain_secret_forget(ret_secret);
	if (code < 0)
		return tell(reterr_problem, code, path, strerror(-code));
	return tell(reterr_problem, -EINVAL, path, "a key has 32 to 64 bytes, as they are");
}

void wr_chain_secret_forget(struct wr_chain_secret *secret)
{
	explicit_bzero(secret, sizeof *secret);
}
