/* Does on purpose what a sanitizer or valgrind must notice: proof that they are on. Exits with 0 if nobody does.
 * usage: canary overflow|leak|undefined
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void overflow(volatile size_t length)
{
    char *memory = malloc(length);
    if (memory == NULL)
        exit(0);
    memory[length] = 1;
    printf("%d\n", memory[length]);
    free(memory);
}

static void leak(void)
{
    char *volatile memory = malloc(100);
    if (memory != NULL)
        memory[0] = 1;
    memory = NULL;
}

static void undefined(volatile int number)
{
    number = number + 1;
    printf("%d\n", number);
}

int main(int count, char **arguments)
{
    if (count != 2)
        return 0;
    if (strcmp(arguments[1], "overflow") == 0)
        overflow(10);
    if (strcmp(arguments[1], "leak") == 0)
        leak();
    if (strcmp(arguments[1], "undefined") == 0)
        undefined(INT_MAX);
    return 0;
}
