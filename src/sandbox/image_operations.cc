// The operations of SandboxService on images, snapshots, forks and templates.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "base/encoding.h"
#include "sandbox/converse.h"
#include "sandbox/sandbox_service.h"

namespace acloud::sandbox {
namespace {

using images::Image;
using images::Kind;
using kernel::Context;

constexpr std::uint64_t kUploadMost = 16ULL << 30;
constexpr std::size_t kSetupOutput = 16 << 10;
constexpr std::chrono::hours kCopyPatience{1};
constexpr std::chrono::minutes kBuildGrace{5};

ImageInfo to_image_info(const Image& image) {
  return {image.name, image.created, image.size, image.layers, image.host_usr, image.env};
}

SnapshotInfo to_snapshot_info(const Image& image) {
  return {image.name, image.sandbox.value_or(""), image.parent.value_or(""), image.created, image.size,
          Kept::files};
}

TemplateInfo to_template_info(const Image& image) {
  return {image.name, image.parent.value_or(""), image.created, image.size, image.env, image.start};
}

// A page of what `keep` lets through.
template <class List, class Convert>
Task<Result<List>> page(Sandboxes& sandboxes, std::string workspace, Kind kind, std::int64_t limit,
                        std::optional<std::string> cursor, Convert convert) {
  ACLOUD_CO_CHECK(co_await sandboxes.available());
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(cursor));
  List list;
  std::string last;
  for (const Image& image : sandboxes.images().after(workspace, kind, after, images::kImagesMost)) {
    auto item = convert(image);
    if (!item) continue;
    if (std::ssize(list.items) == limit) {
      list.next_cursor = kernel::to_cursor(last);
      break;
    }
    last = image.name;
    list.items.push_back(*std::move(item));
  }
  co_return list;
}

Result<std::string> content_of(const TemplateFile& file) {
  if (file.content.has_value() == file.content_base64.has_value())
    return fail(ErrorCode::invalid_argument, "files: {}: give content or content_base64", file.path);
  if (file.content) return *file.content;
  auto bytes = from_base64(*file.content_base64);
  if (!bytes) return std::unexpected(std::move(bytes).error().within("files: " + file.path));
  return *std::move(bytes);
}

}  // namespace

Task<Result<jail::Fd>> receive_file(net::Body body, std::string folder, async::BlockingPool& blocking) {
  jail::Fd file(::open(folder.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  if (!file) co_return fail_errno(errno, "a file for what is uploaded");
  std::uint64_t size = 0;
  for (;;) {
    ACLOUD_CO_TRY(const std::string piece, co_await body.read());
    if (piece.empty()) co_return file;
    size += piece.size();
    if (size > kUploadMost)
      co_return fail(ErrorCode::too_large, "more than {} bytes are too many", kUploadMost);
    const int error = co_await async::run_blocking(blocking, [&] {
      for (std::string_view rest = piece; !rest.empty();) {
        const ssize_t written = ::write(file.get(), rest.data(), rest.size());
        if (written < 0 && errno != EINTR) return errno;
        if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
      }
      return 0;
    });
    if (error != 0) co_return fail_errno(error, "keeping what is uploaded");
  }
}

Result<net::Body> tar_of(Context& context, const std::optional<std::string>& base64) {
  if ((context.body() != nullptr) == base64.has_value()) {
    return fail(ErrorCode::invalid_argument,
                "give the tar once: in base64 as `tar`, or as the raw request body");
  }
  if (context.body() != nullptr) return std::move(*context.body());
  auto bytes = from_base64(*base64);
  if (!bytes) return std::unexpected(std::move(bytes).error().within("tar"));
  return net::Body(*std::move(bytes));
}

bool is_host_path(std::string_view text) { return is_path(text) && text.starts_with('/'); }

// --- Images --------------------------------------------------------------------------------------------

Task<Result<>> SandboxService::add_image(Image image, images::Layers::Held layers) {
  co_return co_await async::run_blocking(
      blocking_, [&] { return sandboxes_.images().add(std::move(image), std::move(layers)); });
}

Task<Result<ImageInfo>> SandboxService::add_imported(Context& context, std::string workspace,
                                                     std::string name, images::Imported imported) {
  Image image{.workspace = std::move(workspace),
              .name = std::move(name),
              .layers = imported.layers->ids(),
              .env = {}};
  image.host_usr = imported.host_usr;
  image.env = std::move(imported.env);
  image.created = context.clock.now();
  image.size = imported.size;
  ACLOUD_CO_CHECK(check_environment(image.env));
  ImageInfo info = to_image_info(image);
  ACLOUD_CO_CHECK(co_await add_image(std::move(image), std::move(imported.layers)));
  co_return info;
}

Task<Result<ImageInfo>> SandboxService::import_image(Context& context, ImportImage request) {
  ACLOUD_CO_CHECK(co_await sandboxes_.available());
  std::string workspace = request.workspace.value_or(context.workspace());
  ACLOUD_CO_TRY(images::Imported imported, co_await async::run_blocking(copying_, [&] {
                  return sandboxes_.importer().from_path(request.path);
                }));
  co_return co_await add_imported(context, std::move(workspace), std::move(request.name),
                                  std::move(imported));
}

Task<Result<ImageInfo>> SandboxService::upload_image(Context& context, UploadImage request) {
  ACLOUD_CO_CHECK(co_await sandboxes_.available());
  ACLOUD_CO_TRY(net::Body body, tar_of(context, request.tar));
  ACLOUD_CO_TRY(const jail::Fd file,
                co_await receive_file(std::move(body), sandboxes_.images().layers().drafts(), blocking_));
  ACLOUD_CO_TRY(images::Imported imported, co_await async::run_blocking(copying_, [&] {
                  return sandboxes_.importer().from_tar(file.get());
                }));
  co_return co_await add_imported(context, context.workspace(), std::move(request.name), std::move(imported));
}

Task<Result<ImageList>> SandboxService::list_images(Context& context, ListImages request) {
  co_return co_await page<ImageList>(sandboxes_, context.workspace(), Kind::image, request.limit,
                                     request.cursor,
                                     [](const Image& image) { return std::optional(to_image_info(image)); });
}

Task<Result<>> SandboxService::remove_image(Context& context, const std::string& name, Kind kind) {
  ACLOUD_CO_CHECK(co_await sandboxes_.available());
  co_return co_await async::run_blocking(
      blocking_, [&] { return sandboxes_.images().remove(context.workspace(), name, kind); });
}

Task<Result<ImageName>> SandboxService::delete_image(Context& context, ImageName request) {
  ACLOUD_CO_CHECK(co_await remove_image(context, request.name, Kind::image));
  co_return request;
}

// --- Sandboxes from images -----------------------------------------------------------------------------

Task<Result<std::shared_ptr<Sandbox>>> SandboxService::make_from(Context& context, std::string name,
                                                                 Record record) {
  ACLOUD_CO_CHECK(co_await sandboxes_.available());
  std::optional<std::string> start;
  images::Layers::Held layers;
  if (name == images::kBase) {
    layers = sandboxes_.images().layers().hold({});
  } else {
    ACLOUD_CO_TRY(images::KeptImage kept, sandboxes_.images().find(context.workspace(), name));
    record.layers = std::move(kept.image.layers);
    record.host_usr = kept.image.host_usr;
    record.env.merge(std::move(kept.image.env));  // keeps what the request says
    start = std::move(kept.image.start);
    layers = std::move(kept.layers);
  }
  record.image = std::move(name);
  auto sandbox = sandboxes_.made_by(context.workspace(), record.once);
  if (!sandbox) {
    ACLOUD_CO_TRY(sandbox, co_await sandboxes_.create(std::move(record), std::move(layers)));
  }
  if (start) {
    if (auto started = co_await start_line(context, *sandbox, *std::move(start)); !started) {
      (void)co_await sandboxes_.kill(sandbox).shielded();
      co_return std::unexpected(std::move(started).error().within("the template's start"));
    }
  }
  co_return sandbox;
}

Task<Result<>> SandboxService::start_line(Context& context, Sandbox& sandbox, std::string line) {
  ACLOUD_CO_TRY(
      jail::Command command,
      co_await to_command(sandbox, {.command = std::move(line), .cwd = {}, .env = {}, .user = "root"}));
  Label label{.tag = "start", .started = context.clock.now(), .deadline = {}};
  if (!sandbox.once().empty()) label.once = sandbox.once() + "/start";
  ACLOUD_CO_CHECK(co_await sandbox.start_program(std::move(command), std::move(label), soon(context)));
  co_return Result<>();
}

// --- Snapshots and forks -------------------------------------------------------------------------------

Task<Result<Image>> SandboxService::keep_files(Context& context, Sandbox& sandbox, Kind kind,
                                               std::string name, std::optional<std::string> start) {
  ACLOUD_CO_TRY(
      images::Imported copied,
      co_await sandbox.copy_files(sandboxes_.importer(), copying_, sandboxes_.can_pause(),
                                  async::Deadline::after(kCopyPatience).earlier(context.deadline())));
  const Record record = sandbox.record();
  Image image{
      .workspace = record.workspace, .name = std::move(name), .layers = copied.layers->ids(), .env = {}};
  image.kind = kind;
  image.layers.insert(image.layers.end(), record.layers.begin(), record.layers.end());
  image.host_usr = record.host_usr;
  image.env = record.env;
  image.parent = record.image;
  image.start = std::move(start);
  image.created = context.clock.now();
  image.size = copied.size;
  if (kind == Kind::snapshot) image.sandbox = record.id;
  images::Layers::Held layers = sandboxes_.images().layers().hold(image.layers);
  if (!layers) co_return fail(ErrorCode::internal, "a layer of {} has gone", record.image);
  ACLOUD_CO_CHECK(co_await add_image(image, std::move(layers)));
  co_return image;
}

Task<Result<SnapshotInfo>> SandboxService::snapshot(Context& context, TakeSnapshot request) {
  ACLOUD_CO_TRY(auto found, co_await sandboxes_.find(context.workspace(), request.id));
  const Use sandbox(std::move(found));
  std::string name = request.name ? *std::move(request.name) : "snap_" + context.random.hex(10);
  ACLOUD_CO_TRY(const Image image,
                co_await keep_files(context, *sandbox, Kind::snapshot, std::move(name), {}));
  co_return to_snapshot_info(image);
}

Task<Result<SnapshotList>> SandboxService::list_snapshots(Context& context, ListSnapshots request) {
  const auto wanted = [&request](const Image& image) -> std::optional<SnapshotInfo> {
    if (request.sandbox && image.sandbox != request.sandbox) return std::nullopt;
    return to_snapshot_info(image);
  };
  co_return co_await page<SnapshotList>(sandboxes_, context.workspace(), Kind::snapshot, request.limit,
                                        request.cursor, wanted);
}

Task<Result<SnapshotName>> SandboxService::delete_snapshot(Context& context, SnapshotName request) {
  ACLOUD_CO_CHECK(co_await remove_image(context, request.id, Kind::snapshot));
  co_return request;
}

Task<Result<Forked>> SandboxService::fork(Context& context, Fork request) {
  ACLOUD_CO_TRY(auto found, co_await sandboxes_.find(context.workspace(), request.id));
  const Use sandbox(std::move(found));
  Record record = sandbox->record();
  if (record.layers.size() >= images::kLayersMost) {
    co_return fail(ErrorCode::precondition_failed, "sandbox {} stands on {} layers, which is the most",
                   record.id, record.layers.size());
  }
  ACLOUD_CO_TRY(
      const images::Imported copied,
      co_await sandbox->copy_files(sandboxes_.importer(), copying_, sandboxes_.can_pause(),
                                   async::Deadline::after(kCopyPatience).earlier(context.deadline())));
  record.layers.insert(record.layers.begin(), copied.layers->ids().begin(), copied.layers->ids().end());
  record.created = context.clock.now();
  record.paused = false;
  record.once.clear();
  if (request.deadline) record.deadline = record.created + *request.deadline;
  Forked forked;
  for (std::int64_t i = 0; i < request.count; ++i) {
    auto layers = sandboxes_.images().layers().hold(record.layers);
    if (!layers) co_return fail(ErrorCode::internal, "a layer of {} has gone", record.image);
    auto made = co_await sandboxes_.create(record, std::move(layers));
    if (!made) {
      // Those that are there are of use; without any the call has failed.
      if (forked.items.empty()) co_return std::unexpected(std::move(made).error());
      forked.problem = made.error().message();
      break;
    }
    forked.items.push_back(to_info((*made)->record()));
  }
  co_return forked;
}

// --- Templates -----------------------------------------------------------------------------------------

Task<Result<>> SandboxService::prepare(Context& context, Sandbox& sandbox, CreateTemplate& request) {
  ACLOUD_CO_TRY(const Place place, co_await place_of(sandbox, soon(context)));
  for (const TemplateFile& file : request.files) {
    ACLOUD_CO_TRY(const std::string bytes, content_of(file));
    const std::string path = absolute_path(file.path);
    ACLOUD_CO_CHECK(co_await async::run_blocking(blocking_, [&]() -> Result<> {
      ACLOUD_TRY(const jail::Fd open, open_to_write(place, path, file.mode));
      return write_all(place, open.get(), bytes);
    }));
  }
  const auto by = async::Deadline::after(request.timeout);
  for (const std::string& line : request.setup) {
    ACLOUD_CO_TRY(jail::Command command,
                  co_await to_command(sandbox, {.command = line, .cwd = {}, .env = {}, .user = "root"}));
    ACLOUD_CO_TRY(jail::Fd nothing, no_input());
    ACLOUD_CO_TRY(const auto process,
                  co_await sandbox.start(std::move(command), soon(context), std::move(nothing)));
    ACLOUD_CO_TRY(const Conversation talk, co_await converse(*process, "", by, nullptr, kSetupOutput));
    if (talk.timed_out)
      co_return fail(ErrorCode::deadline_exceeded, "setup: \"{}\" was not done in time", line);
    if (const int code = talk.exit.shell_code(); code != 0) {
      co_return std::unexpected(
          Error(ErrorCode::invalid_argument, fmt::format("setup: \"{}\" has ended with {}: {}", line, code,
                                                         to_valid_utf8(talk.err.text.substr(0, 1000))))
              .with_detail("stdout", to_valid_utf8(talk.out.text))
              .with_detail("stderr", to_valid_utf8(talk.err.text)));
    }
  }
  co_return Result<>();
}

Task<Result<TemplateInfo>> SandboxService::create_template(Context& context, CreateTemplate request) {
  ACLOUD_CO_CHECK(check_environment(request.env));
  ACLOUD_CO_CHECK(co_await sandboxes_.available());
  if (sandboxes_.images().find(context.workspace(), request.name))
    co_return fail(ErrorCode::conflict, "there is an image {} already; delete it, or take another name",
                   request.name);
  // Where the server is killed meanwhile its deadline ends the sandbox.
  const auto most = std::chrono::ceil<std::chrono::seconds>(request.timeout) + kBuildGrace;
  Record record{.id = {},
                .workspace = context.workspace(),
                .image = {},
                .created = context.clock.now(),
                .idle_timeout = most,
                .deadline = context.clock.now() + most,
                .env = request.env,
                .metadata = {},
                .limits = request.limits,
                .layers = {}};
  ACLOUD_CO_TRY(auto made, co_await make_from(context, request.image, std::move(record)));
  Result<Image> image = fail(ErrorCode::internal, "nothing was built");
  {
    const Use sandbox(made);
    const auto prepared = co_await prepare(context, *sandbox, request);
    if (prepared) {
      image = co_await keep_files(context, *sandbox, Kind::built, request.name, std::move(request.start));
    } else {
      image = std::unexpected(prepared.error());
    }
  }
  (void)co_await sandboxes_.kill(std::move(made)).shielded();  // what stays, its deadline ends
  if (!image) co_return std::unexpected(std::move(image).error());
  co_return to_template_info(*image);
}

Task<Result<TemplateList>> SandboxService::list_templates(Context& context, ListImages request) {
  co_return co_await page<TemplateList>(
      sandboxes_, context.workspace(), Kind::built, request.limit, request.cursor,
      [](const Image& image) { return std::optional(to_template_info(image)); });
}

Task<Result<ImageName>> SandboxService::delete_template(Context& context, ImageName request) {
  ACLOUD_CO_CHECK(co_await remove_image(context, request.name, Kind::built));
  co_return request;
}

}  // namespace acloud::sandbox
