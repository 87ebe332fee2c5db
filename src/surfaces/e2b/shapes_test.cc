#include "surfaces/e2b/shapes.h"

#include <gtest/gtest.h>

#include "surfaces/e2b/entries.h"

namespace acloud::surfaces::e2b {
namespace {

constexpr std::string_view kType = "multipart/form-data; boundary=xyz";

TEST(Form, gives_the_files_with_their_bytes) {
  const auto files = parse_form(kType,
                                "--xyz\r\nContent-Disposition: form-data; name=\"file\"; "
                                "filename=\"a%22b\"\r\nContent-Type: x\r\n\r\none\r\n--xy\r\n"
                                "\r\n--xyz\r\nContent-Disposition: form-data; name=\"file\"; "
                                "filename=\"empty\"\r\n\r\n\r\n--xyz\r\ncontent-disposition: form-data; "
                                "name=\"other\"\r\n\r\nx\r\n--xyz--\r\n");
  ASSERT_TRUE(files) << files.error().message();
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ((*files)[0].name, "a\"b");
  EXPECT_EQ((*files)[0].content, "one\r\n--xy\r\n");
  EXPECT_EQ((*files)[1].name, "empty");
  EXPECT_EQ((*files)[1].content, "");
}

TEST(Form, that_breaks_off_is_refused) {
  for (const std::string_view body :
       {"", "--xyz", "--xyz\r\n", "--xyz\r\nname=\"file\"\r\n\r\n",
        "--xyz\r\nname=\"file\"\r\n\r\nabc\r\n--xy", "abc", "--xyz\r\nname=\"file\"\r\n\r\nabc\r\n--xyz"}) {
    EXPECT_FALSE(parse_form(kType, body)) << body;
  }
  EXPECT_FALSE(parse_form("multipart/form-data", "--xyz--"));
  EXPECT_FALSE(parse_form("multipart/form-data; boundary=\"", "--xyz--"));
}

TEST(Frame, is_read_as_it_is_written) {
  const Json message{{"a", 1}};
  EXPECT_EQ(frame(message, 2).substr(0, 5), std::string("\2\0\0\0\7", 5));
  const auto read = unframe(frame(message));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, message);
  EXPECT_FALSE(unframe(frame(message, 1)));                 // compressed
  EXPECT_FALSE(unframe(std::string("\0\0\0\0\3{}", 7)));    // longer than said
  EXPECT_FALSE(unframe(std::string("\0\0\0\0", 4)));        // no whole head
  EXPECT_FALSE(unframe(std::string("\0\0\0\0\2{}{}", 9)));  // more than said
}

TEST(Entry, comes_from_a_line_of_stat) {
  const auto entry = entry_from_stat("/root/a.txt", "81a4 12 1700000000 root users\n");
  ASSERT_TRUE(entry) << entry.error().message();
  EXPECT_EQ((*entry)["type"], "FILE_TYPE_FILE");
  EXPECT_EQ((*entry)["permissions"], "-rw-r--r--");
  EXPECT_EQ((*entry)["mode"], 0644);
  EXPECT_EQ((*entry)["size"], "12");
  EXPECT_EQ((*entry)["name"], "a.txt");
  EXPECT_EQ((*entry)["group"], "users");
  EXPECT_EQ((*entry_from_stat("/", "41ed 1 1 root root"))["name"], "/");
  EXPECT_FALSE(entry_from_stat("/", "what is this"));
}

TEST(Errors, has_the_code_of_each_protocol) {
  const Error error(ErrorCode::not_found, "gone");
  EXPECT_EQ(error_response(error).status, 404);
  EXPECT_EQ(connect_error(error)["code"], "not_found");
  EXPECT_EQ(connect_stream_error(error).status, 200);
}

}  // namespace
}  // namespace acloud::surfaces::e2b
