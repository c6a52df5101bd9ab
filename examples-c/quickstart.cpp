/* The main job of liblucidlink in C++: open a workspace with a token, link a filespace, write, list, read.
 *
 * Reads from the environment: LUCIDLINK_TOKEN, the token of a service account; LUCIDLINK_WORKSPACE_URL, where the
 * workspace is (file:///folder or s3://bucket/prefix). The filespace is the first argument, else "demo".
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <cstdlib>
#include <iostream>
#include <string>

#include <lucidlink.hpp>

static void do_the_job(const char *token, const std::string &name) {
    /* Settings. Without workspace.url, LUCIDLINK_WORKSPACE_URL says where the workspace is. */
    lucidlink::config config;
    config.set("network.timeout", "30");

    /* The daemon lives in this process: a few threads, and a temporary folder. */
    lucidlink::daemon daemon(config);
    daemon.start();

    lucidlink::workspace workspace = daemon.authenticate(token);
    for (const auto &filespace : workspace.list_filespaces()) {
        std::cout << "filespace " << filespace.name
                  << (filespace.accessible ? " (granted to this account)\n" : " (not granted)\n");
    }

    lucidlink::filespace filespace = workspace.link_filespace(name);
    if (!filespace.dir_exists("/letters")) {
        filespace.create_dir("/letters");
    }

    lucidlink::output_stream out(filespace, "/letters/first.txt", "w");
    out << "Written by one process, sealed, and there for all others at once.\n";
    /* This is the moment at which others see the file, as a whole. Without it nothing is published. */
    out.close();
    std::cout << "wrote /letters/first.txt\n";

    for (const auto &entry : filespace.read_dir("/letters")) {
        std::cout << "/letters/" << entry.name << ": " << entry.size << " bytes\n";
    }

    std::string line;
    lucidlink::input_stream in(filespace, "/letters/first.txt", "r");
    std::getline(in, line);
    std::cout << "read /letters/first.txt: " << line << '\n';

    /* The barrier: everything before it survives power loss when it returns. */
    std::cout << "durable at position " << filespace.sync_all().seq() << '\n';
    filespace.unlink();
    daemon.stop();
}

int main(int argc, char **argv) {
    const char *token = std::getenv("LUCIDLINK_TOKEN");
    if (token == nullptr) {
        std::cerr << "LUCIDLINK_TOKEN is not set: it holds the token of a service account, sa_live:...\n";
        return EXIT_FAILURE;
    }
    try {
        do_the_job(token, argc > 1 ? argv[1] : "demo");
    } catch (const lucidlink::error &error) {
        /* The message says what failed, on what, and what to do. */
        std::cerr << error.name() << ": " << error.what() << '\n';
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
