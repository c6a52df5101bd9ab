/* Every member does what its function of the C interface does. */
#include <algorithm>
#include <atomic>

#include "world.hpp"

using lucidlink::failure;

static void settings(const test_world& world) {
    lucidlink::config config;
    const auto keys = lucidlink::config::keys();
    const auto timeout =
        std::find_if(keys.begin(), keys.end(), [](const auto& key) { return key.key == "network.timeout"; });
    REQUIRE(timeout != keys.end());
    CHECK(timeout->kind == "integer" && timeout->default_value == config.value("network.timeout"));
    CHECK(!timeout->meaning.empty());
    config.set("network.timeout", "7");
    CHECK(config.value("network.timeout") == "7");

    lucidlink::storage_options storage;
    storage.mode = LL_STORAGE_PHYSICAL;
    storage.root_path = world.folder() + "/here";
    lucidlink::daemon daemon(world.settings(), storage);
    CHECK(!daemon.is_running() && daemon.status().running == 0);
    daemon.start();
    CHECK(daemon.is_running() && daemon.root_path().find(storage.root_path) == 0);
    daemon.stop();
    CHECK(lucidlink::daemon().get() != LL_INVALID_HANDLE);
}

static void provisioning(test_session& session, const test_world& world) {
    lucidlink::workspace& workspace = session.workspace;
    CHECK(workspace.id().size() == 64 && workspace.name() == "studio");
    const std::string id = workspace.create_filespace("archive");
    workspace.rename_filespace("archive", "old");
    const auto listed = workspace.list_filespaces();
    REQUIRE(listed.size() == 2);
    CHECK(listed[0].name == "old" && listed[0].id == id && listed[0].accessible && listed[0].created_ns > 0);
    CHECK(workspace.linked_filespaces().size() == 1 && workspace.linked_filespaces()[0].name == PROJECTS);

    const std::string token = workspace.create_account("ann", LL_ROLE_WRITER, 0);
    workspace.grant(PROJECTS, "ann", LL_ROLE_READER);
    const auto accounts = workspace.list_accounts();
    const auto ann = std::find_if(accounts.begin(), accounts.end(), [](const auto& a) { return a.name == "ann"; });
    REQUIRE(ann != accounts.end());
    CHECK(ann->role == LL_ROLE_WRITER && !ann->revoked && ann->expiry_ns == 0);
    CHECK(token.find(ann->key_id) != std::string::npos);
    lucidlink::daemon daemon(world.settings());
    daemon.start();
    lucidlink::workspace anns = daemon.authenticate(token);
    CHECK(!anns.list_filespaces()[0].accessible && anns.list_filespaces()[1].accessible);
    lucidlink::filespace readable = anns.link_filespace(PROJECTS);
    CHECK(thrown_by([&] { readable.create_dir("/no"); }).status == LL_ERR_ACCESS_DENIED);
    daemon.stop();
    workspace.revoke(PROJECTS, "ann");
    workspace.revoke_account("ann");
    daemon.start();
    CHECK(thrown_by([&] { daemon.authenticate(token); }).status == LL_ERR_AUTHENTICATION);
    workspace.delete_filespace("old");
    CHECK(workspace.list_filespaces().size() == 1);
    const std::string url = world.url() + "-second";
    CHECK(lucidlink::create_workspace(url, "second").find("sa_live:") == 0);
    CHECK(thrown_by([&] { lucidlink::create_workspace(url, "second"); }).status == LL_ERR_EXISTS);
}

static void names_and_attributes(lucidlink::filespace& fs) {
    CHECK(fs.id().size() == 64 && fs.name() == PROJECTS && fs.full_name() == PROJECTS ".studio" && fs.is_linked());
    fs.create_dir("/d/sub");
    fs.write_file("/d/file", content(5000, 1));
    fs.create_symlink("file", "/d/link");
    fs.create_hard_link("/d/file", "/d/twin");
    const std::vector<lucidlink::entry> entries = fs.read_dir("/d");
    REQUIRE(entries.size() == 4);
    const std::vector<std::string> names = {"file", "link", "sub", "twin"};
    CHECK(fs.list_dir("/d") == names);
    for (std::size_t n = 0; n < 4; n++) {
        CHECK(entries[n].name == names[n]);
    }
    CHECK(entries[0].is_file() && entries[0].size == 5000 && entries[0].link_count == 2 && entries[0].mode == 0644);
    CHECK(entries[0].file_id == entries[3].file_id && entries[0].version > 0 && entries[0].ctime_ns > 0);
    CHECK(entries[1].is_symlink() && fs.read_symlink("/d/link") == "file" && entries[2].is_directory());
    CHECK(fs.get_entry("/d/link").is_file() && fs.get_entry("/d/link", LL_NOFOLLOW).is_symlink());
    CHECK(fs.file_exists("/d/link") && !fs.file_exists("/d/sub") && fs.dir_exists("/d/sub"));

    fs.set_times("/d/file", 1, 2);
    fs.set_times("/d/link", LL_TIME_OMIT, 3, LL_NOFOLLOW);
    fs.set_mode("/d/file", 0600);
    fs.set_owner("/d/file", 7, 8);
    const lucidlink::entry file = fs.get_entry("/d/file");
    CHECK(file.atime_ns == 1 && file.mtime_ns == 2 && file.mode == 0600 && file.uid == 7 && file.gid == 8);
    CHECK(file.created_ns > 0 && file.name.empty());
    CHECK(fs.get_entry("/d/link", LL_NOFOLLOW).mtime_ns == 3);

    fs.move("/d/twin", "/d/moved");
    CHECK(thrown_by([&] { fs.move("/d/moved", "/d/link"); }).status == LL_ERR_EXISTS);
    fs.move("/d/moved", "/d/link", LL_MOVE_REPLACE);
    fs.truncate("/d/file", 10);
    CHECK(fs.read_file("/d/link") == content(5000, 1).substr(0, 10));
    CHECK(fs.size() == 10 && fs.statistics().files == 1 && fs.statistics().directories == 3);
    fs.checkpoint();
    const lucidlink::checkup checkup = fs.fsck(false);
    CHECK(checkup.findings.empty() && checkup.report.findings == 0 && checkup.report.checkpoints == 1);
    const ll_gc_report report = fs.gc(LL_GC_OPTIONS_INIT);
    CHECK(report.dead_packs == 0 && report.waiting_packs == 0 && report.orphans == 0);
    fs.delete_file("/d/link");
    CHECK(thrown_by([&] { fs.delete_dir("/d"); }).status == LL_ERR_NOT_EMPTY);
    fs.delete_dir("/d/sub");
    fs.delete_tree("/d");
    CHECK(fs.list_dir("/").empty());
}

static void open_files(lucidlink::filespace& fs, const test_world& world) {
    lucidlink::file file = fs.open("/file", "x", 0640);
    file.write("0123456789");
    file.pwrite(2, "ab", 2);
    CHECK(file.tell() == 10 && file.size() == 10);
    file.flush();
    CHECK(fs.read_file("/file") == "01ab456789" && fs.get_entry("/file").mode == 0640);
    file.sync();
    file.truncate(6);
    file.close();
    char bytes[16] = "";
    lucidlink::file reader = fs.open("/file", "r");
    CHECK(reader.pread(4, bytes, sizeof bytes) == 2 && bytes[0] == '4');
    CHECK(reader.seek(2) == 2 && reader.seek(1, LL_SEEK_CUR) == 3 && reader.seek(-2, LL_SEEK_END) == 4);
    CHECK(reader.read(bytes, 1) == 1 && bytes[0] == '4');
    test_session other(world); // what the same link writes, a file sees at once
    other.fs.write_file("/file", "newer");
    CHECK(reader.size() == 6);
    reader.refresh();
    CHECK(reader.size() == 5);
}

static void positions(test_session& session, const test_world& world) {
    test_session other(world);
    other.fs.create_dir("/seen");
    const lucidlink::position position = other.fs.sync_all();
    const auto parsed = lucidlink::position::parse(position.to_string());
    CHECK(position.seq() > 0 && parsed.seq() == position.seq() && parsed.to_string() == position.to_string());
    session.fs.wait_for(parsed, std::chrono::seconds(5));
    CHECK(session.fs.dir_exists("/seen"));

    lucidlink::link_options options;
    options.name = PROJECTS;
    options.root_path = "/seen";
    options.read_only = true;
    options.at_least = position.to_string();
    test_session third(world);
    third.fs.unlink();
    lucidlink::filespace part = third.workspace.link_filespace(options);
    CHECK(part.list_dir("/").empty());
    CHECK(thrown_by([&] { part.create_dir("/x"); }).status == LL_ERR_READ_ONLY);
    part.unlink();
    CHECK(!part.is_linked());
}

/* What relaxed mode acknowledged and the log refused later. */
static void late_failures(test_session& session, const test_world& world) {
    test_session other(world);
    other.fs.unlink();
    lucidlink::link_options options;
    options.name = PROJECTS;
    options.commit = LL_COMMIT_BACKGROUND;
    options.max_staleness_ms = LL_NEVER_STALE;
    session.fs.create_dir("/inbox");
    lucidlink::filespace relaxed = other.workspace.link_filespace(options);
    relaxed.create_dir("/session"); // from now on it needs nothing of the log to write
    relaxed.sync_all();
    session.fs.move("/inbox", "/archive"); // unseen by the other
    relaxed.write_file("/inbox/letter", "late");
    failure why;
    relaxed.sync_all(why);
    CHECK(why.status == LL_ERR_LATE_FAILURE);
    const auto late = relaxed.late_failures();
    REQUIRE(late.size() == 1);
    CHECK(late[0].path == "/inbox/letter" && late[0].status != LL_OK && !late[0].message.empty());
    char bytes[8] = "";
    CHECK(late[0].contents == 1);
    CHECK(relaxed.open_late_failure(late[0].number, 0).read(bytes, sizeof bytes) == 4);
    CHECK(std::string(bytes) == "late");
    relaxed.acknowledge_failures(late[0].number);
    CHECK(relaxed.late_failures().empty());
    relaxed.sync_all();
    relaxed.unlink();
}

static void rotation(test_session& session, const test_world& world) {
    const std::string old = session.workspace.create_account("rotated", LL_ROLE_WRITER, 0);
    const std::string now = session.workspace.rotate_account("rotated");
    test_session other(world);
    CHECK(old != now && thrown_by([&] { other.daemon.authenticate(old); }).status == LL_ERR_AUTHENTICATION);
    other.daemon.authenticate(now);
}

static void snapshots(test_session& session) {
    session.fs.write_file("/kept", "as it was");
    const lucidlink::position at = session.fs.create_snapshot("s");
    session.fs.write_file("/kept", "changed");
    const auto all = session.fs.snapshots();
    REQUIRE(all.size() == 1);
    CHECK(all[0].name == "s" && all[0].seq == at.seq() && all[0].author.size() == 32 && all[0].created_ns > 0);
    lucidlink::link_options options;
    options.name = PROJECTS;
    options.snapshot = "s";
    lucidlink::filespace then = session.workspace.link_filespace(options);
    CHECK(then.read_file("/kept") == "as it was" && session.fs.read_file("/kept") == "changed");
    CHECK(thrown_by([&] { then.create_dir("/x"); }).status == LL_ERR_READ_ONLY);
    then.unlink();
    session.fs.restore("s", "/kept", "/kept", LL_RESTORE_REPLACE);
    CHECK(session.fs.read_file("/kept") == "as it was");
    CHECK(thrown_by([&] { session.fs.restore("s", "/kept", "/kept", 0); }).status == LL_ERR_EXISTS);
    session.fs.delete_snapshot("s");
    CHECK(session.fs.snapshots().empty());
}

/* What another client does, and how to hear of it. */
static void watches(test_session& session, const test_world& world) {
    test_session other(world);
    std::atomic<int> called{0};
    session.fs.create_dir("/watched");
    lucidlink::watch_options options;
    options.path = "/watched";
    options.flags = LL_WATCH_OTHERS;
    lucidlink::watch watch = session.fs.start_watch(options);
    const std::string start = watch.position().to_string();
    watch.set_callback([&] { ++called; });
    CHECK(watch.fd() >= 0);
    CHECK(watch.next(10, std::chrono::milliseconds(0)).empty());
    other.fs.write_file("/watched/letter", "text");
    other.fs.move("/watched/letter", "/elsewhere");
    std::vector<lucidlink::event> events;
    while (events.size() < 2) {
        for (const lucidlink::event& e : watch.next(1, std::chrono::seconds(20))) {
            events.push_back(e);
        }
    }
    CHECK(events[0].kind == LL_EVENT_CREATED && events[0].path == "/letter" && events[0].type == LL_TYPE_FILE);
    CHECK(events[1].kind == LL_EVENT_MOVED && events[1].from == "/letter" && events[1].path.empty());
    CHECK(events[0].author == "admin" && !events[0].own && events[0].file_id == events[1].file_id);
    while (called == 0) {
        continue;
    }
    watch.set_callback({});
    options.from = start;
    lucidlink::watch again = session.fs.start_watch(options);
    CHECK(again.next(10, std::chrono::seconds(20)).at(0).path == "/letter");
    options.from = "now";
    failure why;
    CHECK(!session.fs.start_watch(options, why) && why.status == LL_ERR_INVALID_ARGUMENT);
    other.fs.unlink();
}

int main() {
    {
        const test_world world;
        settings(world);
        test_session session(world);
        names_and_attributes(session.fs);
        open_files(session.fs, world);
        provisioning(session, world);
        positions(session, world);
        late_failures(session, world);
        rotation(session, world);
        snapshots(session);
        watches(session, world);
        session.daemon.stop();
    }
    return check_end();
}
