/* Without exceptions and without RTTI: failures in records, streams by their state. */
#include "world.hpp"

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "this is to be compiled with -fno-exceptions -fno-rtti"
#endif

using lucidlink::failure;

static void the_main_job(const test_world& world) {
    failure why;
    lucidlink::daemon daemon(world.settings(), why);
    daemon.start(why);
    lucidlink::workspace workspace = daemon.authenticate(world.token(), why);
    lucidlink::filespace fs = workspace.link_filespace(PROJECTS, why);
    REQUIRE(!why && fs);
    fs.create_dir("/a/b", why);
    lucidlink::file file = fs.open("/a/b/file", "w", why);
    file.write("text", why);
    file.close(why);
    CHECK(!why && fs.read_file("/a/b/file", why) == "text");
    CHECK(fs.read_dir("/a", why).size() == 1 && fs.get_entry("/a", why).is_directory());

    fs.delete_dir("/a", why);
    CHECK(why.status == LL_ERR_NOT_EMPTY && why.path == "/a");
    CHECK(!fs.open("/missing", "r", why) && why.status == LL_ERR_NOT_FOUND);
    fs.delete_tree("/a", why);
    CHECK(!why && !fs.dir_exists("/a", why));

    const std::string bytes = content(300000, 1);
    lucidlink::output_stream out(fs, "/stream", "w", why);
    out << bytes << std::flush;
    CHECK(!fs.file_exists("/stream", why));
    out.close(why);
    CHECK(!why && out.good());
    lucidlink::input_stream in(fs, "/stream", "r", why);
    std::string read(bytes.size(), '\0');
    CHECK(in.read(&read[0], static_cast<std::streamsize>(read.size())) && read == bytes);
    CHECK(in.get() == EOF && in.eof() && !in.bad());

    lucidlink::input_stream write_only(fs.open("/write-only", "w", why));
    CHECK(write_only.get() == EOF && write_only.bad() && write_only.failed().status == LL_ERR_WRONG_MODE);
    lucidlink::output_stream read_only(fs.open("/stream", "r", why));
    read_only << bytes;
    CHECK(read_only.bad());
    read_only.close(why);
    CHECK(why.status == LL_ERR_WRONG_MODE);
    lucidlink::input_stream missing(fs, "/missing", "r", why);
    CHECK(why.status == LL_ERR_NOT_FOUND && missing.fail());
    CHECK(fs.read_file("/stream", why) == bytes);

    daemon.stop(why);
    CHECK(!why);
    daemon.start(why);
    CHECK(!fs.open("/stream", "r", why) && why.status == LL_ERR_INVALID_HANDLE);
    daemon.stop(why);
}

int main() {
    {
        const test_world world;
        the_main_job(world);
    }
    return check_end();
}
