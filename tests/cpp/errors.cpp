/* Failures, thrown and in records: the same detail by both ways. */
#include <cstring>

#include "world.hpp"

using lucidlink::failure;

static void both_ways_say_the_same(lucidlink::filespace& fs) {
    const failure thrown = thrown_by([&] { fs.delete_file("/missing"); });
    failure record;
    fs.delete_file("/missing", record);
    for (const failure& why : {thrown, record}) {
        CHECK(why && why.status == LL_ERR_NOT_FOUND && std::strcmp(why.name(), "LL_ERR_NOT_FOUND") == 0);
        CHECK(why.os_errno == 2 && why.http_status == 0 && why.domain == "filesystem" && why.path == "/missing");
        CHECK(why.message.find("/missing") != std::string::npos);
        CHECK(!why.retryable() && !why.maybe_applied() && !why.fatal());
    }
    try {
        (void)fs.read_file("/missing");
        CHECK(!"nothing was thrown");
    } catch (const std::runtime_error& base) { // as those who know nothing of us catch it
        const auto* error = dynamic_cast<const lucidlink::error*>(&base);
        REQUIRE(error != nullptr);
        CHECK(error->status() == LL_ERR_NOT_FOUND && std::strcmp(error->name(), "LL_ERR_NOT_FOUND") == 0);
        CHECK(error->os_errno() == 2 && error->flags() == 0 && error->path() == "/missing");
        CHECK(std::strstr(error->what(), "/missing") != nullptr);
    }
}

static void a_success_clears_the_record(lucidlink::filespace& fs) {
    failure why;
    CHECK(fs.read_file("/missing", why).empty() && why);
    fs.write_file("/there", "text", why);
    CHECK(!why && why.message.empty() && why.path.empty());
    CHECK(fs.read_file("/there", why) == "text" && !why);
}

static void results_of_failures_are_empty(lucidlink::filespace& fs) {
    failure why;
    CHECK(!fs.open("/missing", "r", why) && why.status == LL_ERR_NOT_FOUND);
    CHECK(fs.read_dir("/missing", why).empty() && why.status == LL_ERR_NOT_FOUND);
    CHECK(fs.list_dir("/there", why).empty() && why.status == LL_ERR_NOT_A_DIRECTORY);
    CHECK(fs.get_entry("/missing", why).type == 0 && why);
    CHECK(fs.read_symlink("/there", why).empty() && why.status == LL_ERR_NOT_A_SYMLINK);
}

/* A NUL would end the text for the library; the rest must not be lost without a word. */
static void a_nul_in_a_text_is_refused(test_session& session) {
    lucidlink::filespace& fs = session.fs;
    const std::string_view bad("/there\0not", 10);
    for (const failure& why : {thrown_by([&] { (void)fs.read_file(bad); }), thrown_by([&] { fs.create_dir(bad); })}) {
        CHECK(why.status == LL_ERR_INVALID_ARGUMENT && why.message.find("path has a NUL") == 0);
    }
    CHECK(thrown_by([&] { fs.move("/there", bad); }).message.find("to has a NUL") == 0);
    lucidlink::link_options options;
    options.name = bad;
    CHECK(thrown_by([&] { (void)session.workspace.link_filespace(options); }).message.find("name has a NUL") == 0);
    lucidlink::storage_options storage;
    storage.mode = LL_STORAGE_PHYSICAL;
    storage.root_path = bad;
    CHECK(thrown_by([&] { lucidlink::daemon(lucidlink::config(), storage); }).message.find("root_path has") == 0);
    CHECK(fs.read_file("/there") == "text" && fs.list_dir("/").size() == 1);
}

/* Content is bytes: all of them, whatever they are. */
static void a_nul_in_content_is_kept(lucidlink::filespace& fs) {
    const std::string bytes = content(1000, 1) + std::string(3, '\0');
    fs.write_file("/bytes", bytes);
    CHECK(fs.read_file("/bytes") == bytes);
    fs.write_file("/bytes", "");
    CHECK(fs.read_file("/bytes").empty());
}

static void long_texts_are_whole(lucidlink::filespace& fs) {
    std::string path;
    for (int i = 0; i < 15; i++) {
        path += "/" + std::string(250, static_cast<char>('a' + i));
    }
    const failure why = thrown_by([&] { (void)fs.get_entry(path); });
    CHECK(why.status == LL_ERR_NOT_FOUND && why.path == path);
    fs.create_symlink(path, "/long");
    CHECK(fs.read_symlink("/long") == path);
    fs.create_dir(path);
    fs.write_file(path + "/f", content(100000, 2));
    CHECK(fs.read_file(path + "/f") == content(100000, 2));
}

static void setting_up_fails_by_both_ways(const test_world& world) {
    failure why;
    lucidlink::config settings = world.settings();
    CHECK(thrown_by([&] { settings.set("no.such.key", "1"); }).status == LL_ERR_UNKNOWN_KEY);
    settings.set("network.timeout", "soon", why);
    CHECK(why.status == LL_ERR_INVALID_VALUE);
    lucidlink::daemon daemon(settings, why);
    REQUIRE(daemon && !why);
    CHECK(!daemon.authenticate(world.token(), why) && why.status == LL_ERR_DAEMON_NOT_RUNNING);
    daemon.start();
    const failure malformed = thrown_by([&] { daemon.authenticate("sa_live:1:2"); });
    CHECK(malformed.status == LL_ERR_INVALID_TOKEN && malformed.domain == "access");
    lucidlink::workspace workspace = daemon.authenticate(world.token());
    CHECK(thrown_by([&] { workspace.link_filespace("nothing"); }).status == LL_ERR_NOT_FOUND);
    CHECK(thrown_by([&] { workspace.link_filespace(lucidlink::link_options()); }).status == LL_ERR_INVALID_ARGUMENT);
    CHECK(thrown_by([&] { lucidlink::position::parse("7:x"); }).status == LL_ERR_INVALID_ARGUMENT);
    CHECK(thrown_by([&] { lucidlink::set_log_callback(99, [](std::int32_t, std::string_view) {}); }).status ==
          LL_ERR_INVALID_ARGUMENT);
    daemon.stop(why);
    CHECK(!why);
}

int main() {
    {
        const test_world world;
        {
            test_session session(world);
            both_ways_say_the_same(session.fs);
            a_success_clears_the_record(session.fs);
            results_of_failures_are_empty(session.fs);
            a_nul_in_a_text_is_refused(session);
            a_nul_in_content_is_kept(session.fs);
            long_texts_are_whole(session.fs);
            session.daemon.stop();
        }
        setting_up_fails_by_both_ways(world);
    }
    return check_end();
}
