/*
 * replay.c: main for a fuzzer built without libFuzzer. Feeds every file of the folders and files
 * named on the command line to LLVMFuzzerTestOneInput once, so that seeds and past findings stay
 * tested in every build. Exits 1 where there is nothing to feed.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t feed_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    struct stat about;
    if (fstat(fileno(file), &about) != 0) {
        perror(path);
        exit(1);
    }
    size_t size = (size_t)about.st_size;
    uint8_t *data = malloc(size + 1);
    if (data == NULL || fread(data, 1, size, file) != size) {
        (void)fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static size_t feed(const char *path) {
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return feed_file(path);
    }
    size_t fed = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            char inner[4096];
            (void)snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
            fed += feed_file(inner);
        }
    }
    (void)closedir(folder);
    return fed;
}

int main(int argc, char **argv) {
    size_t fed = 0;
    for (int i = 1; i < argc; i++) {
        fed += feed(argv[i]);
    }
    (void)printf("%zu inputs replayed\n", fed);
    return fed > 0 ? 0 : 1;
}
