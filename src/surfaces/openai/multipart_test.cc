#include "surfaces/openai/multipart.h"

#include <gtest/gtest.h>

namespace acloud::surfaces {
namespace {

using What = MultipartCutter::What;

constexpr std::string_view kType = "multipart/form-data; charset=utf-8; boundary=\"a=b\"";
constexpr std::string_view kForm =
    "ignored\r\n--a=b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x \\\"y\\\".jsonl\"\r\n"
    "Content-Type: text/plain\r\n\r\none\r\n--a=\r\ntwo\r\n--a=b  \r\ncontent-disposition: form-data; "
    "name=purpose\r\n"
    "\r\n\r\n--a=b--\r\nand what comes after";

// "[name|filename:content]" for each part, fed in pieces of `size`.
Result<std::string> parts_of(std::string_view type, std::string_view form, std::size_t size) {
  ACLOUD_TRY(MultipartCutter cutter, MultipartCutter::make(type));
  std::string told;
  for (;;) {
    ACLOUD_TRY(const What what, cutter.next());
    switch (what) {
      case What::more:
        if (form.empty()) return fail(ErrorCode::unavailable, "breaks off");
        cutter.feed(form.substr(0, size));
        form.remove_prefix(std::min(size, form.size()));
        break;
      case What::part:
        told += fmt::format("[{}|{}:", cutter.name(), cutter.filename().value_or("-"));
        break;
      case What::data:
        told += cutter.bytes();
        break;
      case What::part_end:
        told += ']';
        break;
      case What::end:
        return told;
    }
  }
}

TEST(Multipart, IsCutTheSameWhereverThePiecesEnd) {
  for (std::size_t size = 1; size <= kForm.size(); ++size) {
    const auto parts = parts_of(kType, kForm, size);
    ASSERT_TRUE(parts) << size << ": " << parts.error().message();
    EXPECT_EQ(*parts, "[file|x \"y\".jsonl:one\r\n--a=\r\ntwo][purpose|-:]") << size;
  }
}

TEST(Multipart, WhatIsBrokenIsRefused) {
  const auto refused = [](std::string_view form) {
    const auto parts = parts_of("multipart/form-data; boundary=b", form, 7);
    return !parts && parts.error().code() == ErrorCode::invalid_argument;
  };
  EXPECT_TRUE(refused("--b more\r\n"));
  EXPECT_TRUE(refused("--b\r\n\r\n\r\nbody\r\n--b--"));
  EXPECT_TRUE(refused("--b\r\nContent-Disposition: attachment; name=x\r\n\r\nbody\r\n--b--"));
  EXPECT_TRUE(refused("--b\r\nContent-Disposition: form-data; name=\"x\r\n\r\nbody\r\n--b--"));
  EXPECT_TRUE(refused("--b\r\nno colon\r\n\r\nbody\r\n--b--"));
  EXPECT_TRUE(refused(std::string(MultipartCutter::kHeadMost + 64, 'x')));
  EXPECT_TRUE(refused("--b\r\nX: " + std::string(MultipartCutter::kHeadMost + 64, 'x')));
  std::string many;
  for (std::size_t i = 0; i <= MultipartCutter::kPartsMost; ++i)
    many += "--b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n";
  EXPECT_TRUE(refused(many));
}

TEST(Multipart, NeedsABoundary) {
  for (const std::string_view type : {"application/json", "multipart/form-data",
                                      "multipart/form-data; boundary=", "multipart/form-data; boundary=\"x",
                                      "multipart/mixed; boundary=x"}) {
    EXPECT_FALSE(MultipartCutter::make(type)) << type;
  }
  EXPECT_FALSE(MultipartCutter::make("multipart/form-data; boundary=" + std::string(71, 'x')));
}

}  // namespace
}  // namespace acloud::surfaces
