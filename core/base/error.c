/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and texts of error codes: weir's own from the X-macro of the public header, and the errno
 * values that weir or the kernel under it can return. The texts of errno are written out here
 * because strerror() depends on the locale and may share one buffer between threads; these are
 * constants, so they can be handed out for ever.
 * Thread: any. Pure functions.
 */
#include <weir/error.h>

#include <errno.h>

#include "core/base/assert.h"
#include "core/base/bits.h"

struct error_entry {
	int code;
	const char *name;
	const char *text;
};

static const struct error_entry own_errors[] = {
#define OWN_ENTRY(name, number, text) {(number), "WEIR_E_" #name, (text)},
	WEIR_ERROR_MAP(OWN_ENTRY)
#undef OWN_ENTRY
};

/* EAGAIN is not weir's "not now" (that is WEIR_E_AGAIN), but the storage seam uses it. */
static const struct error_entry system_errors[] = {
	{-EPERM, "EPERM", "operation not permitted"},
	{-ENOENT, "ENOENT", "no such file or directory"},
	{-ESRCH, "ESRCH", "no such process or thread"},
	{-EINTR, "EINTR", "interrupted by a signal"},
	{-EIO, "EIO", "the device reported an input/output error"},
	{-ENXIO, "ENXIO", "no such device or address"},
	{-E2BIG, "E2BIG", "argument list too long"},
	{-EBADF, "EBADF", "bad file descriptor"},
	{-ECHILD, "ECHILD", "no child process"},
	{-EAGAIN, "EAGAIN", "resource temporarily unavailable"},
	{-ENOMEM, "ENOMEM", "out of memory"},
	{-EACCES, "EACCES", "permission denied"},
	{-EFAULT, "EFAULT", "bad address"},
	{-EBUSY, "EBUSY", "device or resource busy"},
	{-EEXIST, "EEXIST", "file exists"},
	{-EXDEV, "EXDEV", "cross-device link"},
	{-ENODEV, "ENODEV", "no such device, or not supported by it"},
	{-ENOTDIR, "ENOTDIR", "not a directory"},
	{-EISDIR, "EISDIR", "is a directory"},
	{-EINVAL, "EINVAL", "invalid argument"},
	{-ENFILE, "ENFILE", "too many open files in the system: raise fs.file-max"},
	{-EMFILE, "EMFILE", "too many open files in this process: raise ulimit -n"},
	{-ENOTTY, "ENOTTY", "operation not supported by this device"},
	{-ETXTBSY, "ETXTBSY", "the file is in use as a program"},
	{-EFBIG, "EFBIG", "file too large: for the file system, or for ulimit -f"},
	{-ENOSPC, "ENOSPC", "no space left on the device"},
	{-ESPIPE, "ESPIPE", "cannot seek in this file"},
	{-EROFS, "EROFS", "read-only file system"},
	{-EMLINK, "EMLINK", "too many links"},
	{-EPIPE, "EPIPE", "broken pipe"},
	{-EDOM, "EDOM", "argument outside the domain of the function"},
	{-ERANGE, "ERANGE", "value out of range"},
	{-EDEADLK, "EDEADLK", "waiting would deadlock"},
	{-ENAMETOOLONG, "ENAMETOOLONG", "name too long"},
	{-ENOLCK, "ENOLCK", "no locks available"},
	{-ENOSYS, "ENOSYS", "not implemented by this kernel, or refused by its filter"},
	{-ENOTEMPTY, "ENOTEMPTY", "directory not empty"},
	{-ELOOP, "ELOOP", "too many symbolic links, or one where none is allowed"},
	{-ENODATA, "ENODATA", "no data available"},
	{-EPROTO, "EPROTO", "protocol error"},
	{-EBADMSG, "EBADMSG", "bad message"},
	{-EOVERFLOW, "EOVERFLOW", "value too large for its type"},
	{-EILSEQ, "EILSEQ", "invalid byte sequence"},
	{-EMSGSIZE, "EMSGSIZE", "message too long"},
	{-EOPNOTSUPP, "EOPNOTSUPP", "operation not supported"},
	{-EADDRINUSE, "EADDRINUSE", "address already in use"},
	{-EADDRNOTAVAIL, "EADDRNOTAVAIL", "address not available"},
	{-ENETUNREACH, "ENETUNREACH", "network unreachable"},
	{-ECONNABORTED, "ECONNABORTED", "connection aborted"},
	{-ECONNRESET, "ECONNRESET", "connection reset by the peer"},
	{-ENOBUFS, "ENOBUFS", "no buffer space available"},
	{-ENOTCONN, "ENOTCONN", "not connected"},
	{-ETIMEDOUT, "ETIMEDOUT", "the deadline passed"},
	{-ECONNREFUSED, "ECONNREFUSED", "connection refused"},
	{-EHOSTUNREACH, "EHOSTUNREACH", "host unreachable"},
	{-EALREADY, "EALREADY", "already in progress"},
	{-EINPROGRESS, "EINPROGRESS", "in progress"},
	{-ESTALE, "ESTALE", "stale file handle"},
	{-EUCLEAN, "EUCLEAN", "the file system is damaged"},
	{-EDQUOT, "EDQUOT", "disk quota exceeded"},
	{-ECANCELED, "ECANCELED", "cancelled"},
	{-ENOKEY, "ENOKEY", "a key is needed"},
	{-EKEYREJECTED, "EKEYREJECTED", "it is not this key"},
	{-EOWNERDEAD, "EOWNERDEAD", "the owner died"},
};

/* weir's own codes lie below every errno of the kernel (-1 .. -4095), or the two could meet. */
#define BELOW_ERRNO(name, number, text) _Static_assert((number) < -4095, #name " is an errno");
WEIR_ERROR_MAP(BELOW_ERRNO)
#undef BELOW_ERRNO

/* NULL for a number that is no code. A table walk: this is for people, not for the hot path. */
static const struct error_entry *find(int code)
{
	for (size_t i = 0; i < WR_ARRAY_COUNT(own_errors); i++)
		if (own_errors[i].code == code)
			return &own_errors[i];
	for (size_t i = 0; i < WR_ARRAY_COUNT(system_errors); i++)
		if (system_errors[i].code == code)
			return &system_errors[i];
	return NULL;
}

const char *weir_strerror(int code)
{
	if (code >= 0)
		return "ok";
	const struct error_entry *entry = find(code);
	return entry != NULL ? entry->text : "unknown error";
}

const char *weir_error_name(int code)
{
	if (code >= 0)
		return "OK";
	const struct error_entry *entry = find(code);
	return entry != NULL ? entry->name : "UNKNOWN";
}

#define VERSION_TEXT(major, minor, patch)                                                          \
	WR_STRINGIFY(major) "." WR_STRINGIFY(minor) "." WR_STRINGIFY(patch)

const char *weir_version(void)
{
	return VERSION_TEXT(WEIR_VERSION_MAJOR, WEIR_VERSION_MINOR, WEIR_VERSION_PATCH);
}
