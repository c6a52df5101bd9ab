/* Owners: moved, moved onto themselves, freed once, whatever order they end in. */
#include <type_traits>
#include <vector>

#include "world.hpp"

using lucidlink::failure;

template <class Owner>
constexpr bool is_move_only = std::is_nothrow_move_constructible_v<Owner> && std::is_nothrow_move_assignable_v<Owner> &&
                              !std::is_copy_constructible_v<Owner> && !std::is_copy_assignable_v<Owner>;
static_assert(is_move_only<lucidlink::config> && is_move_only<lucidlink::daemon> && is_move_only<lucidlink::workspace> &&
              is_move_only<lucidlink::filespace> && is_move_only<lucidlink::file>);
static_assert(!std::is_convertible_v<std::uint64_t, lucidlink::file>, "no number becomes an owner by accident");
static_assert(std::is_nothrow_destructible_v<lucidlink::file>);
static_assert(std::is_nothrow_copy_constructible_v<lucidlink::error>);

static bool is_alive(ll_file file) {
    std::uint64_t size = 0;
    return ll_file_size(file, &size, nullptr) == LL_OK;
}

static void moves(test_session& session) {
    session.fs.write_file("/moved", "content");
    lucidlink::file first = session.fs.open("/moved", "r");
    const ll_file handle = first.get();
    lucidlink::file second(std::move(first));
    CHECK(!first && second.get() == handle && is_alive(handle));
    CHECK(thrown_by([&] { first.size(); }).status == LL_ERR_INVALID_HANDLE);

    lucidlink::file other = session.fs.open("/moved", "r");
    const ll_file replaced = other.get();
    other = std::move(second);
    CHECK(other.get() == handle && is_alive(handle) && !is_alive(replaced));
    lucidlink::file& same = other;
    other = std::move(same);
    CHECK(other.get() == handle && is_alive(handle));

    std::vector<lucidlink::file> many;
    for (int i = 0; i < 20; i++) { // the vector moves them as it grows
        many.push_back(session.fs.open("/moved", "r"));
    }
    const ll_file last = many.back().get();
    for (const lucidlink::file& file : many) {
        CHECK(is_alive(file.get()));
    }
    many.clear();
    CHECK(!is_alive(last));
    std::swap(other, first);
    CHECK(!other && first.get() == handle);
}

static void nothing_is_freed_twice(test_session& session) {
    ll_file handle = LL_INVALID_HANDLE;
    {
        lucidlink::file file = session.fs.open("/moved", "r");
        handle = file.get();
        ll_file_free(file.get()); // behind the owner's back
        CHECK(!is_alive(handle));
    }
    {
        lucidlink::file file = session.fs.open("/moved", "r");
        file.close();
        CHECK(!file);
        CHECK(thrown_by([&] { file.close(); }).status == LL_ERR_INVALID_HANDLE);
    }
    {
        lucidlink::file file = session.fs.open("/moved", "r");
        handle = file.release();
        CHECK(!file);
    }
    CHECK(is_alive(handle));
    const lucidlink::file taken(handle);
    CHECK(taken.size() == 7);
}

/* Freed in the order in which an exception unwinds them, and in any other. */
static void any_order(const test_world& world) {
    lucidlink::file file;
    lucidlink::filespace fs;
    {
        test_session session(world);
        file = session.fs.open("/left", "w");
        fs = std::move(session.fs);
        file.write("dropped");
    }
    CHECK(thrown_by([&] { file.write("x"); }).status == LL_ERR_INVALID_HANDLE);
    failure why;
    file.close(why);
    CHECK(why.status == LL_ERR_INVALID_HANDLE);
    CHECK(thrown_by([&] { (void)fs.read_dir("/"); }).status == LL_ERR_INVALID_HANDLE);
}

/* A daemon that ends without stop() drops; one that stops publishes what is open. */
static void destructors_do_not_publish(const test_world& world) {
    {
        test_session session(world);
        lucidlink::file file = session.fs.open("/dropped", "w");
        file.write("half");
    }
    {
        test_session session(world);
        lucidlink::file file = session.fs.open("/synced", "w");
        file.write("whole");
        session.daemon.stop();
    }
    test_session session(world);
    CHECK(!session.fs.file_exists("/dropped"));
    CHECK(session.fs.read_file("/synced") == "whole");
}

int main() {
    {
        const test_world world;
        {
            test_session session(world);
            moves(session);
            nothing_is_freed_twice(session);
        }
        any_order(world);
        destructors_do_not_publish(world);
    }
    return check_end();
}
