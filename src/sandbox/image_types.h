// The requests and replies about images, snapshots, forks and templates of product `sandbox`.
#pragma once

#include "sandbox/images/images.h"
#include "sandbox/sandbox_types.h"

namespace acloud::sandbox {

// An absolute path on the server.
bool is_host_path(std::string_view text);
inline constexpr std::string_view kHostPathRule = "an absolute path of at most 4096 bytes";

struct ImportImage {
  std::string name;
  std::string path;
  std::optional<std::string> workspace;
  static constexpr auto schema = fields(
      field("name", &ImportImage::name, "What it will be called.", required,
            form(images::is_image_name, images::kImageNameRule)),
      field("path", &ImportImage::path,
            "On the server: a folder, a tar (plain, gzip, bzip2, xz or zstd), or an OCI layout, as a folder "
            "or a tar.",
            required, form(is_host_path, kHostPathRule)),
      field("workspace", &ImportImage::workspace, "Whose it will be. Absent: the caller's.", length(1, 64)));
};

struct UploadImage {
  std::string name;
  std::optional<std::string> tar;
  static constexpr auto schema = fields(
      field("name", &UploadImage::name, "What it will be called.", required,
            form(images::is_image_name, images::kImageNameRule)),
      field("tar", &UploadImage::tar,
            "A tar of its files, or of an OCI layout, in base64. Or send it as the raw request body."));
};

struct ImageName {
  std::string name;
  static constexpr auto schema =
      fields(field("name", &ImageName::name, "Which one.", required, length(1, 64)));
};

struct ImageInfo {
  std::string name;
  Time created{};
  std::int64_t size = 0;
  std::vector<std::string> layers;
  bool on_base = false;
  std::map<std::string, std::string> env;
  static constexpr auto schema = fields(
      field("name", &ImageInfo::name, "What sandbox.create takes as image."),
      field("created", &ImageInfo::created, "When it was brought here."),
      field("size_bytes", &ImageInfo::size, "Bytes of its files that were new here."),
      field("layers", &ImageInfo::layers,
            "What it is made of, the topmost first; equal ones are stored once."),
      field("on_base", &ImageInfo::on_base, "It has no programs of its own: those of \"base\" are there."),
      field("env", &ImageInfo::env, "Environment of every command, where create says nothing else."));
};

struct ListImages {
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("limit", &ListImages::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListImages::cursor, "next_cursor of the page before."));
};

struct ImageList {
  std::vector<ImageInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &ImageList::items, "Images by name; \"base\" is there without being listed."),
      field("next_cursor", &ImageList::next_cursor, "Where the next page begins; absent on the last."));
};

struct TakeSnapshot {
  std::string id;
  std::optional<std::string> name;
  static constexpr auto schema =
      fields(field("id", &TakeSnapshot::id, "Of which sandbox.", required, length(1, 64)),
             field("name", &TakeSnapshot::name, "What it will be called. Absent: an id of its own.",
                   form(images::is_image_name, images::kImageNameRule)));
};

struct SnapshotInfo {
  std::string id;
  std::string sandbox;
  std::string image;
  Time created{};
  std::int64_t size = 0;
  Kept kept = Kept::files;
  static constexpr auto schema =
      fields(field("id", &SnapshotInfo::id, "What sandbox.create takes as image.",
                   example("\"snap_00c1d2e3f4a5b6c7d8e9\"")),
             field("sandbox", &SnapshotInfo::sandbox, "Whose files these were."),
             field("image", &SnapshotInfo::image, "What that had been made from."),
             field("created", &SnapshotInfo::created, "When it was taken."),
             field("size_bytes", &SnapshotInfo::size, "Bytes of the files that had been written."),
             field("kept", &SnapshotInfo::kept, "What is in it: no memory and no processes."));
};

struct ListSnapshots {
  std::optional<std::string> sandbox;
  std::int64_t limit = kernel::kPageDefault;
  std::optional<std::string> cursor;
  static constexpr auto schema =
      fields(field("sandbox", &ListSnapshots::sandbox, "Only those of this sandbox.", length(1, 64)),
             field("limit", &ListSnapshots::limit, "Items on a page.", between(1, kernel::kPageMost)),
             field("cursor", &ListSnapshots::cursor, "next_cursor of the page before."));
};

struct SnapshotList {
  std::vector<SnapshotInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &SnapshotList::items, "Snapshots by id."),
      field("next_cursor", &SnapshotList::next_cursor, "Where the next page begins; absent on the last."));
};

struct SnapshotName {
  std::string id;
  static constexpr auto schema =
      fields(field("id", &SnapshotName::id, "Which one.", required, length(1, 64)));
};

struct Fork {
  std::string id;
  std::int64_t count = 1;
  std::optional<std::chrono::seconds> deadline;
  static constexpr auto schema = fields(
      field("id", &Fork::id, "Of which sandbox.", required, length(1, 64)),
      field("count", &Fork::count, "How many copies.", between(1, 100)),
      field("deadline_s", &Fork::deadline, "Each is killed after this long. Absent: when the first one is.",
            between(std::chrono::seconds(1), std::chrono::hours(24 * 365))));
};

struct Forked {
  std::vector<SandboxInfo> items;
  Kept kept = Kept::files;
  std::optional<std::string> problem;
  static constexpr auto schema =
      fields(field("items", &Forked::items, "The copies."),
             field("kept", &Forked::kept,
                   "What they have of the first one: its files; no process of it runs in them."),
             field("problem", &Forked::problem, "Why there are fewer than were wanted."));
};

struct TemplateFile {
  std::string path;
  std::optional<std::string> content;
  std::optional<std::string> content_base64;
  std::optional<std::string> mode;
  static constexpr auto schema = fields(
      field("path", &TemplateFile::path, "Where it goes; folders on the way are made.", required,
            form(is_path, kPathRule)),
      field("content", &TemplateFile::content, "What it holds, as text."),
      field("content_base64", &TemplateFile::content_base64, "The same in base64, where it is not text."),
      field("mode", &TemplateFile::mode, "Its permissions, in octal.", form(is_mode, kModeRule)));
};

struct CreateTemplate {
  std::string name;
  std::string image = "base";
  std::vector<TemplateFile> files;
  std::map<std::string, std::string> env;
  std::vector<std::string> setup;
  std::optional<std::string> start;
  std::chrono::milliseconds timeout{600'000};
  SandboxLimits limits;
  static constexpr auto schema = fields(
      field("name", &CreateTemplate::name, "What it will be called.", required,
            form(images::is_image_name, images::kImageNameRule)),
      field("image", &CreateTemplate::image, "What it stands on: an image, a snapshot, another template."),
      field("files", &CreateTemplate::files, "Written first.", length(0, 1000)),
      field("env", &CreateTemplate::env, "Environment of every command, here and in sandboxes made from it."),
      field("setup", &CreateTemplate::setup, "Lines for /bin/bash -lc, run once, one after the other.",
            length(0, 100)),
      field("start", &CreateTemplate::start, "A line that is started in each sandbox made from it.",
            length(1, 65'536)),
      field("timeout_s", &CreateTemplate::timeout, "How long setup may take in all.",
            between(std::chrono::milliseconds(1), std::chrono::hours(4))),
      field("limits", &CreateTemplate::limits, "What the building may use."));
};

struct TemplateInfo {
  std::string name;
  std::string image;
  Time created{};
  std::int64_t size = 0;
  std::map<std::string, std::string> env;
  std::optional<std::string> start;
  static constexpr auto schema =
      fields(field("name", &TemplateInfo::name, "What sandbox.create takes as image."),
             field("image", &TemplateInfo::image, "What it stands on."),
             field("created", &TemplateInfo::created, "When it was built."),
             field("size_bytes", &TemplateInfo::size, "Bytes of the files that were written."),
             field("env", &TemplateInfo::env, "Environment of every command."),
             field("start", &TemplateInfo::start, "What is started in each sandbox."));
};

struct TemplateList {
  std::vector<TemplateInfo> items;
  std::optional<std::string> next_cursor;
  static constexpr auto schema = fields(
      field("items", &TemplateList::items, "Templates by name."),
      field("next_cursor", &TemplateList::next_cursor, "Where the next page begins; absent on the last."));
};

}  // namespace acloud::sandbox
