/* Directories entry by entry, batches, copies, extended attributes, holes, vectors, quotas, counters, forks. */
#include <algorithm>
#include <cstring>

#include "world.hpp"

using lucidlink::entry;
using lucidlink::failure;

static void directories(lucidlink::filespace& fs) {
    std::vector<std::string> names;
    fs.create_dir("/many");
    for (int i = 0; i < 300; i++) {
        fs.write_file("/many/" + std::to_string(i), "x");
        names.push_back(std::to_string(i));
    }
    std::sort(names.begin(), names.end());
    lucidlink::directory opened = fs.open_dir("/many");
    std::vector<std::string> found;
    for (const entry& e : opened) {
        CHECK(e.is_file() && e.size == 1);
        found.push_back(e.name);
    }
    CHECK(found == names);
    entry at;
    CHECK(!opened.next(at) && at.name.empty());
    lucidlink::directory again = fs.open_dir("/many");
    CHECK(again.next(at) && at.name == names[0]);
    const auto second = again.begin();
    CHECK(second != again.end() && second->name == names[1]);
    CHECK(thrown_by([&] { fs.open_dir("/none"); }).status == LL_ERR_NOT_FOUND);
    failure why;
    CHECK(!lucidlink::directory().next(at, why) && why.status == LL_ERR_INVALID_HANDLE);
}

static void batches(lucidlink::filespace& fs, lucidlink::filespace& others) {
    lucidlink::batch batch = fs.new_batch();
    batch.create_dir("/b/deep/er");
    batch.write_file("/b/one", "1");
    batch.write_file("/b/two", content(700000, 3));
    batch.copy("/b/one", "/b/copy");
    batch.move("/b/copy", "/b/moved");
    batch.create_symlink("one", "/b/link");
    batch.create_hard_link("/b/one", "/b/hard");
    batch.set_mode("/b/one", 0640);
    batch.set_owner("/b/one", 7, 8);
    batch.set_times("/b/one", 1000, 2000);
    batch.set_xattr("/b/one", "user.a", "value");
    batch.set_xattr("/b/one", "user.b", "value", LL_XATTR_CREATE);
    batch.remove_xattr("/b/one", "user.b");
    batch.truncate("/b/moved", 3);
    batch.write_file("/b/gone", "x");
    batch.delete_file("/b/gone");
    batch.delete_dir("/b/deep/er");
    batch.delete_tree("/b/deep");
    CHECK(batch.count() == 18 && !others.dir_exists("/b"));
    batch.commit();
    CHECK(batch.count() == 0);
    CHECK((others.list_dir("/b") == std::vector<std::string>{"hard", "link", "moved", "one", "two"}));
    const entry one = others.get_entry("/b/one");
    CHECK(one.mode == 0640 && one.uid == 7 && one.gid == 8 && one.mtime_ns == 2000 && one.link_count == 2);
    CHECK(others.list_xattr("/b/one") == std::vector<std::string>{"user.a"});
    CHECK(others.read_file("/b/two") == content(700000, 3));
    CHECK(others.read_file("/b/moved") == std::string("1\0\0", 3));

    std::uint64_t failed = 0;
    failure why;
    batch.create_dir("/b/new");
    batch.delete_file("/b/none");
    batch.commit(&failed, why);
    CHECK(why.status == LL_ERR_NOT_FOUND && failed == 1 && batch.count() == 2);
    CHECK(!others.dir_exists("/b/new"));
    CHECK(thrown_by([&] { batch.create_dir("relative"); }).status == LL_ERR_INVALID_PATH);
    { lucidlink::batch dropped(std::move(batch)); }
    CHECK(!others.dir_exists("/b/new"));
}

static void copies_and_attributes(lucidlink::filespace& fs) {
    fs.create("/made", 0600);
    CHECK(fs.get_entry("/made").mode == 0600 && fs.get_entry("/made").size == 0);
    CHECK(thrown_by([&] { fs.create("/made"); }).status == LL_ERR_EXISTS);
    fs.write_file("/made", "content");
    fs.set_xattr("/made", "user.colour", std::string("blue\0green", 10));
    fs.set_xattr("/made", "user.shape", "", LL_XATTR_CREATE);
    CHECK(thrown_by([&] { fs.set_xattr("/made", "user.shape", "round", LL_XATTR_CREATE); }).status == LL_ERR_EXISTS);
    fs.copy("/made", "/copied");
    CHECK(thrown_by([&] { fs.copy("/made", "/copied"); }).status == LL_ERR_EXISTS);
    fs.copy("/made", "/copied", LL_COPY_REPLACE);
    CHECK(fs.read_file("/copied") == "content");
    CHECK(fs.get_xattr("/copied", "user.colour") == std::string("blue\0green", 10));
    CHECK((fs.list_xattr("/copied") == std::vector<std::string>{"user.colour", "user.shape"}));
    fs.remove_xattr("/copied", "user.colour");
    CHECK(thrown_by([&] { fs.get_xattr("/copied", "user.colour"); }).status == LL_ERR_NO_ATTRIBUTE);
    fs.create_symlink("made", "/link");
    CHECK(fs.list_xattr("/link").size() == 2 && fs.list_xattr("/link", LL_NOFOLLOW).empty());
}

static void holes_and_vectors(lucidlink::filespace& fs) {
    lucidlink::file file = fs.open("/sparse", "w+");
    char hello[] = "hello ", world[] = "world";
    const ll_buffer parts[] = {{hello, 6}, {world, 5}};
    file.writev(parts, 2);
    file.pwrite(1 << 20, "end", 3);
    CHECK(file.seek_hole(0) > 0 && file.seek_data(500000) == 1 << 20);
    CHECK(thrown_by([&] { file.seek_data((1 << 20) + 3); }).status != LL_OK);
    file.punch_hole(1 << 20, 3);
    CHECK(file.size() == (1 << 20) + 3);
    char first[4], rest[20];
    const ll_buffer into[] = {{first, sizeof first}, {rest, 7}};
    file.seek(0);
    CHECK(file.readv(into, 2) == 11 && std::memcmp(first, "hell", 4) == 0 && std::memcmp(rest, "o world", 7) == 0);
    char at_end[3] = {1, 1, 1};
    CHECK(file.pread(1 << 20, at_end, 3) == 3 && at_end[0] == 0 && at_end[2] == 0);
    file.close();
}

static void limits_and_counters(test_session& session) {
    lucidlink::filespace& fs = session.fs;
    const ll_metrics counted = session.daemon.metrics();
    CHECK(counted.commits > 0 && counted.linked == 1 && counted.memory_limit > 0);
    CHECK(session.daemon.metrics_text().find("lucidlink_") != std::string::npos);
    fs.set_quota(fs.size() + 10, 0);
    CHECK(thrown_by([&] { fs.write_file("/large", content(1000, 1)); }).status == LL_ERR_NO_SPACE);
    fs.set_quota(0, 0);
    fs.write_file("/large", content(1000, 1));
    CHECK(session.workspace.filespace_fork(PROJECTS) == 0);
    CHECK(thrown_by([&] { session.workspace.accept_fork(PROJECTS, 3); }).status == LL_ERR_INVALID_ARGUMENT);
}

int main() {
    {
        test_world world;
        test_session session(world), others(world);
        directories(session.fs);
        batches(session.fs, others.fs);
        copies_and_attributes(session.fs);
        holes_and_vectors(session.fs);
        limits_and_counters(session);
        others.daemon.stop();
        session.daemon.stop();
    }
    return check_end();
}
