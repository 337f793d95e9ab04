#include <stdio.h>
#include <stdlib.h>

#include "childproof.h"

int main(void) {
    cp_command *uname = cp_command_new("uname");
    cp_command_arg(uname, "-sr");
    cp_output output;
    if (cp_run(uname, NULL, 0, NULL, &output) != 0) {
        cp_perror("uname");
        return EXIT_FAILURE;
    }
    printf("this machine runs %s", output.out.data);
    cp_output_free(&output);

    cp_command_arg(uname, "-n");
    if (cp_run(uname, NULL, 0, NULL, &output) != 0) {
        printf("its name is none of my business: %s\n", cp_last_error()->text);
    }
    cp_output_free(&output);
    cp_command_free(uname);
    return EXIT_SUCCESS;
}
