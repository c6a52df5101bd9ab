/* Half a file is never published: not by an exception in the middle of a write, not by a stream that failed. */
#include "world.hpp"

using lucidlink::failure;

static constexpr std::size_t LARGE = 3 << 20; /* more than any buffer and block */

struct interrupted {};

/* `others` sees what is published; the same link also sees what its open files wrote. */
static void an_exception_in_the_middle_publishes_nothing(lucidlink::filespace& fs, lucidlink::filespace& others) {
    fs.write_file("/report", "the old one");
    const std::string half = content(LARGE, 1);
    for (const char* path : {"/report", "/new"}) {
        try {
            lucidlink::file file = fs.open(path, "w");
            file.write(half);
            throw interrupted();
        } catch (const interrupted&) {
        }
        try {
            lucidlink::output_stream out(fs, path, "w");
            out << half << "and a bit" << std::flush << std::endl;
            throw interrupted();
        } catch (const interrupted&) {
        }
    }
    CHECK(fs.read_file("/report") == "the old one" && others.read_file("/report") == "the old one");
    CHECK(!fs.file_exists("/new") && !others.file_exists("/new"));
}

static void close_publishes(lucidlink::filespace& fs, lucidlink::filespace& others) {
    lucidlink::file file = fs.open("/report", "w");
    file.write("the new one");
    CHECK(others.read_file("/report") == "the old one");
    file.close();
    CHECK(others.read_file("/report") == "the new one");
    lucidlink::output_stream out(fs, "/report", "w");
    out << "number " << 3 << std::flush;
    CHECK(others.read_file("/report") == "the new one");
    out.close();
    CHECK(out.good() && others.read_file("/report") == "number 3");
}

/* An operator << that throws leaves badbit behind: what came before it is half of something. */
struct breaks {};
[[noreturn]] static std::ostream& operator<<(std::ostream&, breaks) {
    throw interrupted();
}

static void a_stream_that_failed_is_not_published(test_session& session) {
    lucidlink::filespace& fs = session.fs;
    {
        lucidlink::output_stream out(fs, "/report", "w");
        out << "half";
        out.setstate(std::ios::badbit);
        const failure why = thrown_by([&] { out.close(); });
        CHECK(why.status == LL_ERR_IO && why.message.find("dropped") != std::string::npos);
    }
    {
        lucidlink::output_stream out(fs, "/report", "w");
        try {
            out << "half" << breaks();
        } catch (const interrupted&) {
        }
    }
    {
        lucidlink::output_stream out(fs.open("/report", "r")); // cannot be written
        out << content(LARGE, 2);
        CHECK(out.bad() && out.failed().status == LL_ERR_WRONG_MODE);
        failure why;
        out.close(why);
        CHECK(why.status == LL_ERR_WRONG_MODE && out.bad());
    }
    CHECK(fs.read_file("/report") == "number 3");
}

/* The first failure counts, also if whoever writes has cleared it. */
static void a_failure_that_was_cleared_still_counts(test_session& session) {
    lucidlink::link_options options;
    options.name = "second";
    options.sync_mode = LL_SYNC_NONE; // unlinking drops what is open
    lucidlink::filespace other = session.workspace.link_filespace(options);
    lucidlink::output_stream out(other, "/f", "w");
    out << content(LARGE, 3);
    CHECK(out.good());
    other.unlink();
    out << content(LARGE, 4);
    CHECK(out.bad());
    out.clear();
    const failure why = thrown_by([&] { out.close(); });
    CHECK(why && why.status == out.failed().status);
    CHECK(!session.workspace.link_filespace(options).file_exists("/f"));
}

static void close_reports_what_publishing_fails_with(lucidlink::filespace& fs) {
    lucidlink::output_stream out(fs, "/short-lived", "x");
    out << "text";
    fs.delete_file("/short-lived");
    const failure why = thrown_by([&] { out.close(); });
    CHECK(why.status == LL_ERR_DELETED && out.bad());
    CHECK(thrown_by([&] { out.close(); }).status != LL_OK);
    CHECK(!fs.file_exists("/short-lived"));
}

int main() {
    {
        const test_world world;
        test_session session(world);
        test_session others(world);
        an_exception_in_the_middle_publishes_nothing(session.fs, others.fs);
        close_publishes(session.fs, others.fs);
        a_stream_that_failed_is_not_published(session);
        session.workspace.create_filespace("second");
        a_failure_that_was_cleared_still_counts(session);
        close_reports_what_publishing_fails_with(session.fs);
        session.daemon.stop();
    }
    return check_end();
}
