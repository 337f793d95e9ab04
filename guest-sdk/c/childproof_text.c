/* Strings as the interface wants them, and the errors of files, which are WASI's. */

#include <errno.h>
#include <string.h>

#include "childproof_internal.h"

/* How many bytes a character takes that begins with this one, or 0 if none does. */
static size_t length_of(unsigned char first) {
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        return 3;
    }
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

bool cpi_is_utf8(const char *text) {
    const unsigned char *next = (const unsigned char *)text;
    while (*next != '\0') {
        size_t length = length_of(*next);
        if (length == 0) {
            return false;
        }
        for (size_t i = 1; i < length; i++) {
            unsigned char lowest = 0x80;
            unsigned char highest = 0xbf;
            if (i == 1) {
                /* Not in more bytes than it takes, no half of a pair of UTF-16, and nothing behind U+10FFFF. */
                lowest = *next == 0xe0 ? 0xa0 : *next == 0xf0 ? 0x90 : lowest;
                highest = *next == 0xed ? 0x9f : *next == 0xf4 ? 0x8f : highest;
            }
            /* The NUL at the end is none of these either. */
            if (next[i] < lowest || next[i] > highest) {
                return false;
            }
        }
        next += length;
    }
    return true;
}

wit_string cpi_borrow(const char *text) {
    return (wit_string){.ptr = (uint8_t *)text, .len = strlen(text)};
}

#define FILE_ERROR(CASE, NUMBER, NAME)            \
    case WASI_FILESYSTEM_TYPES_ERROR_CODE_##CASE: \
        *name = NAME;                             \
        return NUMBER

int cpi_file_error(wasi_filesystem_types_error_code_t code, const char **name) {
    switch (code) {
        FILE_ERROR(ACCESS, EACCES, "access");
        FILE_ERROR(WOULD_BLOCK, EAGAIN, "would-block");
        FILE_ERROR(ALREADY, EALREADY, "already");
        FILE_ERROR(BAD_DESCRIPTOR, EBADF, "bad-descriptor");
        FILE_ERROR(BUSY, EBUSY, "busy");
        FILE_ERROR(DEADLOCK, EDEADLK, "deadlock");
        FILE_ERROR(QUOTA, EDQUOT, "quota");
        FILE_ERROR(EXIST, EEXIST, "exist");
        FILE_ERROR(FILE_TOO_LARGE, EFBIG, "file-too-large");
        FILE_ERROR(ILLEGAL_BYTE_SEQUENCE, EILSEQ, "illegal-byte-sequence");
        FILE_ERROR(IN_PROGRESS, EINPROGRESS, "in-progress");
        FILE_ERROR(INTERRUPTED, EINTR, "interrupted");
        FILE_ERROR(INVALID, EINVAL, "invalid");
        FILE_ERROR(IO, EIO, "io");
        FILE_ERROR(IS_DIRECTORY, EISDIR, "is-directory");
        FILE_ERROR(LOOP, ELOOP, "loop");
        FILE_ERROR(TOO_MANY_LINKS, EMLINK, "too-many-links");
        FILE_ERROR(MESSAGE_SIZE, EMSGSIZE, "message-size");
        FILE_ERROR(NAME_TOO_LONG, ENAMETOOLONG, "name-too-long");
        FILE_ERROR(NO_DEVICE, ENODEV, "no-device");
        FILE_ERROR(NO_ENTRY, ENOENT, "no-entry");
        FILE_ERROR(NO_LOCK, ENOLCK, "no-lock");
        FILE_ERROR(INSUFFICIENT_MEMORY, ENOMEM, "insufficient-memory");
        FILE_ERROR(INSUFFICIENT_SPACE, ENOSPC, "insufficient-space");
        FILE_ERROR(NOT_DIRECTORY, ENOTDIR, "not-directory");
        FILE_ERROR(NOT_EMPTY, ENOTEMPTY, "not-empty");
        FILE_ERROR(NOT_RECOVERABLE, ENOTRECOVERABLE, "not-recoverable");
        FILE_ERROR(UNSUPPORTED, ENOTSUP, "unsupported");
        FILE_ERROR(NO_TTY, ENOTTY, "no-tty");
        FILE_ERROR(NO_SUCH_DEVICE, ENXIO, "no-such-device");
        FILE_ERROR(OVERFLOW, EOVERFLOW, "overflow");
        FILE_ERROR(NOT_PERMITTED, EPERM, "not-permitted");
        FILE_ERROR(PIPE, EPIPE, "pipe");
        FILE_ERROR(READ_ONLY, EROFS, "read-only");
        FILE_ERROR(INVALID_SEEK, ESPIPE, "invalid-seek");
        FILE_ERROR(TEXT_FILE_BUSY, ETXTBSY, "text-file-busy");
        FILE_ERROR(CROSS_DEVICE, EXDEV, "cross-device");
    default:
        *name = "unknown";
        return EIO;
    }
}
