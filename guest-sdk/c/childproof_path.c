/*
 * Paths of the guest: which directory that it holds has a path, and opening files there.
 *
 * The rules are those by which the C library opens files: the longest name of a directory that the path begins with,
 * `.` is the root, of two of one name the later one. `..` is left for the host, which alone knows the symbolic links.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "childproof_internal.h"

typedef wasi_filesystem_preopens_list_tuple2_own_descriptor_string_t directories;

/* One part of a path, between slashes. */
typedef struct component {
    const char *text;
    size_t length;
} component;

/* The next part that is neither empty nor a dot. It moves `rest` behind it; false at the end. */
static bool next_component(const char **rest, const char *end, component *part) {
    for (;;) {
        while (*rest < end && **rest == '/') {
            (*rest)++;
        }
        if (*rest == end) {
            return false;
        }
        const char *start = *rest;
        while (*rest < end && **rest != '/') {
            (*rest)++;
        }
        part->text = start;
        part->length = (size_t)(*rest - start);
        if (part->length != 1 || *start != '.') {
            return true;
        }
    }
}

/* The path without empty parts and dots, from the root and without a slash in front; NULL where there is no memory. */
static char *full_path(const char *path) {
    char *current = *path == '/' ? NULL : getcwd(NULL, 0);
    char *joined = cpi_join(current != NULL ? current : "", "/", path, NULL);
    free(current);
    if (joined == NULL) {
        return NULL;
    }
    const char *rest = joined;
    const char *end = joined + strlen(joined);
    /* What is written is never longer than what was read. */
    char *to = joined;
    component part;
    while (next_component(&rest, end, &part)) {
        if (to != joined) {
            *to++ = '/';
        }
        memmove(to, part.text, part.length);
        to += part.length;
    }
    *to = '\0';
    return joined;
}

/* Whether a directory of this name has the path. If so, how many parts its name has, and what is left of the path. */
static bool has_path(const wit_string *name, const char *full, size_t *depth, const char **below) {
    const char *rest = (const char *)name->ptr;
    const char *end = rest + name->len;
    const char *path = full;
    const char *path_end = full + strlen(full);
    component expected;
    component actual;
    *depth = 0;
    while (next_component(&rest, end, &expected)) {
        if (!next_component(&path, path_end, &actual) || actual.length != expected.length ||
            memcmp(actual.text, expected.text, actual.length) != 0) {
            return false;
        }
        (*depth)++;
    }
    *below = *path == '/' ? path + 1 : path;
    return true;
}

static void drop_all_but(directories *all, size_t kept) {
    for (size_t i = 0; i < all->len; i++) {
        if (i != kept) {
            wasi_filesystem_types_descriptor_drop_own(all->ptr[i].f0);
        }
        childproof_bindings_string_free(&all->ptr[i].f1);
    }
    if (all->len > 0) {
        free(all->ptr);
    }
}

int cpi_place_of(const char *path, cp_error_code code, int number, const char *field, cpi_place *place) {
    if (!cpi_is_utf8(path)) {
        return cpi_fail(CP_ERROR_INVALID_ARGUMENT, EINVAL, field, "the path is not UTF-8");
    }
    if (*path == '\0') {
        return cpi_fail(code, number, field, "the path is empty");
    }
    char *full = full_path(path);
    if (full == NULL) {
        return cpi_no_memory();
    }
    directories all;
    wasi_filesystem_preopens_get_directories(&all);
    size_t best = SIZE_MAX;
    size_t best_depth = 0;
    const char *below = NULL;
    for (size_t i = 0; i < all.len; i++) {
        size_t depth;
        const char *rest;
        if (has_path(&all.ptr[i].f1, full, &depth, &rest) && (best == SIZE_MAX || depth >= best_depth)) {
            best = i;
            best_depth = depth;
            below = rest;
        }
    }
    int answer = 0;
    if (best == SIZE_MAX) {
        char *message = cpi_join("the guest has no directory that holds /", full, NULL);
        answer = cpi_fail(code, number, field, message);
        free(message);
    } else {
        place->directory = all.ptr[best].f0;
        place->path = *below == '\0' ? NULL : cpi_join(below, NULL);
        if (*below != '\0' && place->path == NULL) {
            best = SIZE_MAX;
            answer = cpi_no_memory();
        }
    }
    drop_all_but(&all, best);
    free(full);
    return answer;
}

void cpi_place_free(cpi_place *place) {
    wasi_filesystem_types_descriptor_drop_own(place->directory);
    free(place->path);
}

bool cpi_appends(int flags) {
    return (flags & O_APPEND) != 0;
}

int cpi_open(const char *path, int flags, const char *field, wit_descriptor *file) {
    cpi_place place;
    if (cpi_place_of(path, CP_ERROR_LOCAL, ENOENT, field, &place) != 0) {
        return -1;
    }
    const struct {
        int flag;
        uint8_t open;
    } open_flags[] = {
        {O_CREAT, WASI_FILESYSTEM_TYPES_OPEN_FLAGS_CREATE},
        {O_DIRECTORY, WASI_FILESYSTEM_TYPES_OPEN_FLAGS_DIRECTORY},
        {O_EXCL, WASI_FILESYSTEM_TYPES_OPEN_FLAGS_EXCLUSIVE},
        {O_TRUNC, WASI_FILESYSTEM_TYPES_OPEN_FLAGS_TRUNCATE},
    };
    wasi_filesystem_types_open_flags_t open = 0;
    for (size_t i = 0; i < sizeof(open_flags) / sizeof(open_flags[0]); i++) {
        if ((flags & open_flags[i].flag) != 0) {
            open |= open_flags[i].open;
        }
    }
    wasi_filesystem_types_descriptor_flags_t access = 0;
    if ((flags & O_RDONLY) != 0) {
        access |= WASI_FILESYSTEM_TYPES_DESCRIPTOR_FLAGS_READ;
    }
    if ((flags & O_WRONLY) != 0) {
        access |= WASI_FILESYSTEM_TYPES_DESCRIPTOR_FLAGS_WRITE;
    }
    wasi_filesystem_types_path_flags_t follow =
        (flags & O_NOFOLLOW) != 0 ? 0 : WASI_FILESYSTEM_TYPES_PATH_FLAGS_SYMLINK_FOLLOW;
    wit_string name = cpi_borrow(place.path != NULL ? place.path : ".");
    wasi_filesystem_types_error_code_t code;
    bool opened = wasi_filesystem_types_method_descriptor_open_at(
        wasi_filesystem_types_borrow_descriptor(place.directory), follow, &name, open, access, file, &code);
    cpi_place_free(&place);
    if (opened) {
        return 0;
    }
    const char *why;
    int number = cpi_file_error(code, &why);
    char *message = cpi_join("cannot open ", path, ": ", why, NULL);
    int answer = cpi_fail(CP_ERROR_LOCAL, number, field, message);
    free(message);
    return answer;
}
