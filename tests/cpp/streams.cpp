/* Standard streams over files: bytes as they are, positions, both directions, large ones; against std::stringstream. */
#include <iomanip>
#include <iterator>
#include <sstream>

#include "world.hpp"

using lucidlink::failure;

static void bytes_stay_as_they_are(lucidlink::filespace& fs) {
    const std::string bytes = content(200000, 1) + "\r\n\n\x1a" + std::string(5, '\0') + "\xff";
    lucidlink::output_stream out(fs, "/bytes", "w");
    for (std::size_t at = 0, piece = 1; at < bytes.size(); at += piece, piece = piece * 3 % 70001) {
        out.write(&bytes[at], static_cast<std::streamsize>(std::min(piece, bytes.size() - at)));
    }
    out.close();
    CHECK(fs.read_file("/bytes") == bytes);
    lucidlink::input_stream in(fs, "/bytes", "r");
    std::string all{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    CHECK(all == bytes);
    in.clear();
    in.seekg(0);
    all.assign(bytes.size() + 1, '\0');
    in.read(&all[0], static_cast<std::streamsize>(all.size())); // past the buffer, and past the end
    CHECK(in.eof() && !in.bad() && in.gcount() == static_cast<std::streamsize>(bytes.size()));
    CHECK(all.compare(0, bytes.size(), bytes) == 0);
    in.close();
}

static void text_is_formatted(lucidlink::filespace& fs) {
    lucidlink::output_stream out(fs, "/text", "w");
    out << "one two\n" << 3 << ' ' << std::hex << 255 << std::endl;
    out.close();
    lucidlink::output_stream more(fs, "/text", "a");
    more << "four" << std::flush << '\n';
    CHECK(more.tellp() == std::streampos(18));
    more.close();
    lucidlink::input_stream in(fs, "/text", "r");
    std::string line, word;
    int number = 0;
    CHECK(std::getline(in, line) && line == "one two");
    CHECK(in >> number >> word && number == 3 && word == "ff");
    CHECK(in >> word && word == "four");
    CHECK(!(in >> word) && in.eof() && !in.bad());
    in.close();
}

static void positions(lucidlink::filespace& fs) {
    const std::string bytes = content(300000, 2);
    fs.write_file("/positions", bytes);
    lucidlink::input_stream in(fs, "/positions", "r");
    for (const std::streamoff at : {0, 1, 65535, 65536, 65537, 250000, 299999, 7}) {
        in.seekg(at);
        CHECK(in.tellg() == std::streampos(at) && in.get() == static_cast<unsigned char>(bytes[std::size_t(at)]));
        CHECK(in.tellg() == std::streampos(at + 1));
        in.unget();
        CHECK(in.tellg() == std::streampos(at) && in.good());
    }
    in.seekg(-1, std::ios::end);
    CHECK(in.get() == static_cast<unsigned char>(bytes.back()));
    in.seekg(-10, std::ios::cur);
    CHECK(in.tellg() == std::streampos(std::streamoff(bytes.size()) - 10));
    in.seekg(-1);
    CHECK(in.fail() && !in.bad());
    in.clear();
    in.seekg(std::numeric_limits<std::streamoff>::min(), std::ios::cur);
    CHECK(in.fail() && !in.bad());
    in.clear();
    CHECK(in.get() != EOF);
    in.close();

    lucidlink::output_stream out(fs, "/positions", "w"); // a hole reads as zeros
    out << "a";
    out.seekp(100000);
    out << "b";
    out.seekp(1);
    out << "c";
    out.close();
    CHECK(fs.read_file("/positions") == "ac" + std::string(99998, '\0') + "b");
}

/* The same random calls on a stream over a file and on one in memory. */
static void both_directions(lucidlink::filespace& fs) {
    struct random random = {check_seed()};
    std::stringstream model(std::ios::in | std::ios::out | std::ios::binary);
    lucidlink::input_output_stream stream(fs, "/both", "w+");
    std::size_t size = 0;
    for (int round = 0; round < SCALE(3000, 200); round++) {
        const auto length = static_cast<std::size_t>(
            random_below(&random, random_below(&random, 20) == 0 ? std::uint64_t(200000) : std::uint64_t(300)));
        const auto at = static_cast<std::streamoff>(random_below(&random, size + 1));
        // A stringstream has two positions, a file one: each run of reads or writes starts somewhere.
        if (random_below(&random, 2) == 0) {
            const std::string bytes = content(length, random_next(&random));
            stream.seekp(at);
            model.seekp(at);
            for (int again = 0; again < 2; again++) {
                stream << bytes << again;
                model << bytes << again;
            }
            size = std::max(size, std::size_t(model.tellp()));
            CHECK(stream.tellp() == model.tellp());
        } else {
            std::string mine(length, 'm'), its(length, 'm');
            stream.seekg(at);
            model.seekg(at);
            for (int again = 0; again < 2; again++) {
                stream.read(&mine[0], static_cast<std::streamsize>(length));
                model.read(&its[0], static_cast<std::streamsize>(length));
                CHECK(stream.gcount() == model.gcount() && mine == its && stream.rdstate() == model.rdstate());
            }
            stream.clear();
            model.clear();
        }
        if (check_failures() > 0) {
            break;
        }
    }
    stream.close();
    CHECK(fs.read_file("/both") == model.str());
}

/* Reads that go over into writes without a seek, and back, at one position. */
static void one_position(lucidlink::filespace& fs) {
    fs.write_file("/one", "0123456789");
    lucidlink::input_output_stream stream(fs, "/one", "r+");
    CHECK(stream.get() == '0' && stream.get() == '1');
    stream << "ab";
    CHECK(stream.get() == '4');
    stream << 'c';
    CHECK(stream.tellg() == std::streampos(6) && stream.tellp() == std::streampos(6));
    stream.close();
    CHECK(fs.read_file("/one") == "01ab4c6789");
}

static void large(lucidlink::filespace& fs) {
    const std::size_t piece = std::size_t(1) << 20, pieces = static_cast<std::size_t>(SCALE(64, 4));
    lucidlink::output_stream out(fs, "/large", "w");
    for (std::size_t n = 0; n < pieces; n++) {
        out << content(piece, n);
    }
    out.close();
    CHECK(fs.get_entry("/large").size == piece * pieces);
    lucidlink::input_stream in(fs, "/large", "r");
    std::string bytes(piece, '\0');
    for (std::size_t n = 0; n < pieces; n++) {
        CHECK(in.read(&bytes[0], static_cast<std::streamsize>(piece)) && bytes == content(piece, n));
    }
    CHECK(in.get() == EOF && in.eof() && !in.bad());
    // Beyond 4 GiB.
    lucidlink::output_stream sparse(fs, "/sparse", "w");
    sparse.seekp(std::streamoff(5) << 30);
    sparse << "far";
    CHECK(sparse.tellp() == std::streampos((std::streamoff(5) << 30) + 3));
    sparse.close();
    lucidlink::input_stream far(fs, "/sparse", "r");
    std::string word;
    far.seekg(-3, std::ios::end);
    CHECK(far >> word && word == "far");
}

static void failures_set_badbit(test_session& session) {
    lucidlink::input_stream in(session.fs.open("/write-only", "w"));
    CHECK(in.get() == EOF && in.bad() && in.failed().status == LL_ERR_WRONG_MODE);
    lucidlink::input_stream block(session.fs.open("/write-only-too", "w"));
    std::string bytes(1 << 20, '\0');
    CHECK(!block.read(&bytes[0], 1 << 20) && block.bad() && block.gcount() == 0);
    lucidlink::input_stream iterated(session.fs.open("/write-only-too", "w"));
    CHECK(std::istreambuf_iterator<char>(iterated) == std::istreambuf_iterator<char>() && iterated.bad());

    lucidlink::input_stream strict(session.fs.open("/write-only", "w"));
    strict.exceptions(std::ios::badbit);
    bool thrown = false;
    try {
        strict.get();
    } catch (const std::ios_base::failure&) {
        thrown = true;
    }
    CHECK(thrown && strict.failed().status == LL_ERR_WRONG_MODE);

    CHECK(thrown_by([&] { lucidlink::input_stream(session.fs, "/missing", "r"); }).status == LL_ERR_NOT_FOUND);
    failure why;
    lucidlink::input_stream missing(session.fs, "/missing", "r", why);
    CHECK(why.status == LL_ERR_NOT_FOUND && missing.fail() && missing.get() == EOF);
}

static void modes(lucidlink::filespace& fs) {
    lucidlink::output_stream out(fs, "/modes");
    out << "written";
    out.close();
    lucidlink::output_stream again(fs, "/modes"); // replaces
    again << "anew";
    again.close();
    std::string word;
    lucidlink::input_stream in(fs, "/modes");
    CHECK(in >> word && word == "anew");
    lucidlink::input_output_stream both(fs, "/modes");
    CHECK(both >> word && word == "anew");
    both.clear();
    both << "!";
    both.close();
    CHECK(fs.read_file("/modes") == "anew!");
    CHECK(thrown_by([&] { lucidlink::input_stream(fs, "/missing"); }).status == LL_ERR_NOT_FOUND);

    // Refused before anything is opened: "x" would make the file.
    for (const char* mode : {"w", "a", "x", "wb"}) {
        failure why = thrown_by([&] { lucidlink::input_stream(fs, "/not-made", mode); });
        CHECK(why.status == LL_ERR_INVALID_ARGUMENT && why.message.find("mode: the stream reads") == 0);
        CHECK(thrown_by([&] { lucidlink::input_output_stream(fs, "/not-made", mode); }).status ==
              LL_ERR_INVALID_ARGUMENT);
    }
    for (const char* mode : {"r", "rb"}) {
        failure why = thrown_by([&] { lucidlink::output_stream(fs, "/modes", mode); });
        CHECK(why.status == LL_ERR_INVALID_ARGUMENT && why.message.find("mode: the stream writes") == 0);
    }
    CHECK(!fs.file_exists("/not-made"));
    failure why;
    lucidlink::input_stream refused(fs, "/modes", "a", why);
    CHECK(why.status == LL_ERR_INVALID_ARGUMENT && refused.fail());
    lucidlink::input_stream accepted(fs, "/modes", "a+", why);
    CHECK(!why && accepted.good());
    lucidlink::input_stream plain(fs, "/modes", why);
    CHECK(!why && plain >> word && word == "anew!");
}

int main() {
    {
        const test_world world;
        test_session session(world);
        bytes_stay_as_they_are(session.fs);
        text_is_formatted(session.fs);
        positions(session.fs);
        both_directions(session.fs);
        one_position(session.fs);
        large(session.fs);
        modes(session.fs);
        failures_set_badbit(session);
        session.daemon.stop();
    }
    return check_end();
}
