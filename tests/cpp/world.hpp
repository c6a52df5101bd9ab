/* The world of the C tests, in C++. */
#ifndef WORLD_HPP
#define WORLD_HPP

#include <cstdlib>
#include <string>

#include <lucidlink.hpp>

extern "C" {
#include "../c/world.h"
}

/* A workspace in a temporary folder, with the filespace PROJECTS; gone at the end. */
class test_world {
public:
    test_world() { world_make(&world_); }
    test_world(const test_world&) = delete;
    test_world& operator=(const test_world&) = delete;
    ~test_world() { world_remove(&world_); }

    std::string folder() const { return world_.folder; }
    std::string url() const { return world_.url; }
    std::string token() const { return world_.token; }
    /* Settings for a daemon of this world. */
    lucidlink::config settings() const { return lucidlink::config(world_config(&world_)); }

private:
    world world_;
};

#if defined(__cpp_exceptions)
/* A running daemon and PROJECTS linked, the way a program does it. */
struct test_session {
    explicit test_session(const test_world& world) : daemon(world.settings()) {
        daemon.start();
        workspace = daemon.authenticate(world.token());
        fs = workspace.link_filespace(PROJECTS);
    }

    lucidlink::daemon daemon;
    lucidlink::workspace workspace;
    lucidlink::filespace fs;
};

/* What a call throws; no failure if it throws nothing. */
template <class Call>
lucidlink::failure thrown_by(Call call) {
    try {
        call();
    } catch (const lucidlink::error& error) {
        CHECK(error.what() == error.detail().message);
        return error.detail();
    }
    return {};
}
#endif

/* Bytes of all values that follow from a seed. */
inline std::string content(std::size_t length, std::uint64_t seed) {
    std::string bytes(length, '\0');
    content_fill(reinterpret_cast<unsigned char*>(&bytes[0]), length, seed);
    return bytes;
}

#endif
