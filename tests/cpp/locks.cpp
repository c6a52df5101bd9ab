/* Locks: owned like all else, given up by destructors, published by unlock alone. */
#include <thread>
#include <type_traits>

#include "world.hpp"

using lucidlink::lock;

static_assert(std::is_nothrow_move_constructible<lock>::value && std::is_nothrow_move_assignable<lock>::value, "");
static_assert(!std::is_copy_constructible<lock>::value && !std::is_copy_assignable<lock>::value, "");

static void unlock_publishes(lucidlink::filespace& fs, lucidlink::filespace& others) {
    lock held(fs, "/f", "w", LL_LOCK_EXCLUSIVE, 0);
    CHECK(bool(held));
    held->write("written");
    CHECK(thrown_by([&] { lock(others, "/f", "r", LL_LOCK_SHARED, 0); }).status == LL_ERR_LOCKED);
    lock moved = std::move(held);
    CHECK(!held && moved);
    moved.unlock();
    CHECK(!moved && others.read_file("/f") == "written");
    lock shared(others, "/f", "r", LL_LOCK_SHARED, 0);
    lock also_shared(fs, "/f", "r", LL_LOCK_SHARED, 0);
    CHECK((*shared).size() == 7 && also_shared->size() == 7);
}

static void a_destructor_gives_it_up_and_publishes_nothing(lucidlink::filespace& fs, lucidlink::filespace& others) {
    {
        /* Locks that destructors gave up may be held a moment longer. */
        lock held(fs, "/f", "w", LL_LOCK_EXCLUSIVE, LL_WAIT_FOREVER);
        held->write("half of");
    }
    lock next(others, "/f", "r", LL_LOCK_EXCLUSIVE, LL_WAIT_FOREVER);
    CHECK(others.read_file("/f") == "written");
    lucidlink::failure why;
    lock refused(fs, "/f", "r", LL_LOCK_EXCLUSIVE, 0, why);
    CHECK(!refused && why.status == LL_ERR_LOCKED && why.retryable());
}

static void ranges(lucidlink::filespace& fs, lucidlink::filespace& others) {
    lucidlink::file one = fs.open("/f", "r+");
    lucidlink::file two = others.open("/f", "r+");
    one.lock_range(0, 3, LL_LOCK_EXCLUSIVE, LL_WAIT_FOREVER);
    two.lock_range(3, 0, LL_LOCK_EXCLUSIVE, 0);
    CHECK(thrown_by([&] { two.lock_range(2, 1, LL_LOCK_SHARED, 20); }).status == LL_ERR_TIMEOUT);
    std::thread waiter([&] { two.lock_range(0, 3, LL_LOCK_EXCLUSIVE, LL_WAIT_FOREVER); });
    one.pwrite(0, "WRI", 3);
    one.unlock_range(0, 3);
    waiter.join();
    CHECK(others.read_file("/f") == "WRItten");
    two.unlock_all();
    one.lock_range(0, 0, LL_LOCK_EXCLUSIVE, 0);
}

int main() {
    {
        const test_world world;
        test_session session(world);
        test_session others(world);
        unlock_publishes(session.fs, others.fs);
        a_destructor_gives_it_up_and_publishes_nothing(session.fs, others.fs);
        ranges(session.fs, others.fs);
        session.daemon.stop();
    }
    return check_end();
}
