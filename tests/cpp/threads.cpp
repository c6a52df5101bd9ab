/* One daemon, one filespace, one file, used from several threads at once; each has its own errors. */
#include <atomic>
#include <thread>

#include "world.hpp"

static constexpr std::size_t THREADS = 8, RECORD = 4096;

template <class Run>
static void on_threads(Run run) {
    std::vector<std::thread> threads;
    for (std::size_t number = 0; number < THREADS; number++) {
        threads.emplace_back(run, number);
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}

static std::string path_of(std::size_t number, int round) {
    return "/t" + std::to_string(number) + "/f" + std::to_string(round);
}

static void one_filespace(lucidlink::filespace& fs) {
    const int rounds = SCALE(50, 3);
    on_threads([&](std::size_t number) {
        fs.create_dir("/t" + std::to_string(number));
        for (int round = 0; round < rounds; round++) {
            lucidlink::output_stream out(fs, path_of(number, round), "x");
            out << content(RECORD, number);
            out.close();
            // The detail is this thread's own.
            const std::string missing = "/missing" + std::to_string(number);
            CHECK(thrown_by([&] { fs.delete_file(missing); }).path == missing);
        }
    });
    on_threads([&](std::size_t number) {
        const std::size_t other = (number + 1) % THREADS;
        for (int round = 0; round < rounds; round++) {
            CHECK(fs.read_file(path_of(other, round)) == content(RECORD, other));
        }
        CHECK(fs.read_dir("/t" + std::to_string(other)).size() == std::size_t(rounds));
    });
}

static void one_file(lucidlink::filespace& fs) {
    lucidlink::file file = fs.open("/shared", "w+");
    on_threads([&](std::size_t number) { file.pwrite(number * RECORD, content(RECORD, number).data(), RECORD); });
    file.flush();
    on_threads([&](std::size_t number) {
        std::string bytes(RECORD, '\0');
        for (std::size_t n = 0; n < THREADS; n++) {
            const std::size_t record = (n + number) % THREADS;
            CHECK(file.pread(record * RECORD, &bytes[0], RECORD) == RECORD && bytes == content(RECORD, record));
        }
    });
    file.close();
}

/* Made on one thread, ended on another, by a move. */
static void handed_over(lucidlink::filespace& fs) {
    lucidlink::file file = fs.open("/handed", "w");
    file.write("over");
    std::thread([mine = std::move(file)]() mutable { mine.close(); }).join();
    CHECK(!file && fs.read_file("/handed") == "over");
}

static void log_callbacks(const test_world& world) {
    struct counted {
        explicit counted(std::atomic<int>& alive) : alive_(alive) { ++alive_; }
        counted(const counted& other) : alive_(other.alive_) { ++alive_; }
        ~counted() { --alive_; }
        std::atomic<int>& alive_;
    };
    std::atomic<int> alive(0), lines(0);
    {
        const counted count(alive);
        lucidlink::set_log_callback(LL_LOG_DEBUG, [count, &lines](std::int32_t level, std::string_view message) {
            lines += level >= LL_LOG_ERROR && !message.empty();
        });
    }
    CHECK(alive == 1);
    {
        test_session session(world);
        session.fs.write_file("/logged", "x");
        session.daemon.stop();
    }
    lucidlink::set_log_callback(LL_LOG_ERROR, nullptr);
    CHECK(alive == 0);
    const int said = lines;
    {
        const counted count(alive);
        lucidlink::failure why;
        lucidlink::set_log_callback(0, [count](std::int32_t, std::string_view) {}, why);
        CHECK(why.status == LL_ERR_INVALID_ARGUMENT);
    }
    CHECK(alive == 0 && lines == said);
}

int main() {
    {
        const test_world world;
        {
            test_session session(world);
            one_filespace(session.fs);
            one_file(session.fs);
            handed_over(session.fs);
            session.daemon.stop();
        }
        log_callbacks(world);
    }
    return check_end();
}
