/* Runs the test that it is told to. `--list` prints their names. */

#include "tests.h"

typedef struct test {
    const char *name;
    void (*run)(void);
} test;

#define ROW(name) {#name, name},
static const test ALL[] = {TESTS(ROW)};

const char *read_all(cp_process *process, cp_stream stream) {
    static char text[4096];
    size_t length = 0;
    for (;;) {
        CHECK(length + 1 < sizeof(text));
        ssize_t read = cp_read(process, stream, text + length, sizeof(text) - 1 - length);
        CHECK(read >= 0);
        if (read == 0) {
            text[length] = '\0';
            return text;
        }
        length += (size_t)read;
    }
}

void check_run(cp_command *command, const char *expected) {
    cp_output output;
    CHECK(cp_run(command, NULL, 0, NULL, &output) == 0);
    if (!WROTE(output.out, expected)) {
        fprintf(stderr, "instead of %s it wrote %s%s\n", expected, output.out.data, output.err.data);
        exit(EXIT_FAILURE);
    }
    CHECK(cp_success(&output.status));
    cp_output_free(&output);
    cp_command_free(command);
}

int main(int argc, char *argv[]) {
    if (argc >= 2 && strcmp(argv[1], "--translate") == 0) {
        return translate(argc - 2, argv + 2);
    }
    for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]); i++) {
        if (argc == 2 && strcmp(argv[1], "--list") == 0) {
            puts(ALL[i].name);
        } else if (argc == 2 && strcmp(argv[1], ALL[i].name) == 0) {
            ALL[i].run();
            printf("%s holds\n", ALL[i].name);
            return EXIT_SUCCESS;
        }
    }
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return EXIT_SUCCESS;
    }
    fputs("there is no such test\n", stderr);
    return EXIT_FAILURE;
}
