// The work of product `sandbox`: what each of its operations does with a sandbox.
#pragma once

#include "kernel/call.h"
#include "sandbox/code/code_types.h"
#include "sandbox/command.h"
#include "sandbox/file_types.h"
#include "sandbox/files.h"
#include "sandbox/image_types.h"
#include "sandbox/port_types.h"
#include "sandbox/process_types.h"
#include "sandbox/sandboxes.h"
#include "sandbox/tree_types.h"

namespace acloud::sandbox {

class SandboxService {
 public:
  static constexpr std::size_t kOutputKept = 4 << 20;        // of each stream of a command
  static constexpr std::size_t kOutputInErrors = 64 << 10;   // likewise, where it was killed for its time
  static constexpr std::size_t kEnvironmentMost = 64 << 10;  // of a sandbox
  static constexpr std::size_t kMetadataMost = 16 << 10;     // likewise
  static constexpr std::int64_t kJsonMost = 8 << 20;         // longer files are had as raw bytes alone

  // Files are worked on by `blocking`, images and whole trees by `copying`, so that nobody else waits for a
  // large one.
  SandboxService(Sandboxes& sandboxes, async::BlockingPool& blocking, async::BlockingPool& copying)
      : sandboxes_(sandboxes), blocking_(blocking), copying_(copying) {}

  Task<Result<SandboxInfo>> create(kernel::Context& context, CreateSandbox request);
  Task<Result<SandboxInfo>> get(kernel::Context& context, SandboxName request);
  Task<Result<Isolation>> isolation(kernel::Context& context, IsolationRequest request);
  Task<Result<SandboxList>> list(kernel::Context& context, ListSandboxes request);
  Task<Result<SandboxInfo>> set_timeout(kernel::Context& context, SetTimeout request);
  Task<Result<SandboxInfo>> set_egress(kernel::Context& context, SetEgress request);
  Task<Result<SandboxName>> kill(kernel::Context& context, SandboxName request);
  Task<Result<SandboxInfo>> pause(kernel::Context& context, PauseSandbox request);
  Task<Result<SandboxInfo>> resume(kernel::Context& context, SandboxName request);
  Task<Result<Executed>> exec(kernel::Context& context, Execute request);

  Task<Result<PortConnection>> connect_port(kernel::Context& context, ConnectPort request);

  Task<Result<RanCode>> run_code(kernel::Context& context, RunCode request);
  Task<Result<CodeContext>> create_context(kernel::Context& context, CreateContext request);
  Task<Result<ContextList>> list_contexts(kernel::Context& context, SandboxName request);
  Task<Result<ContextName>> remove_context(kernel::Context& context, ContextName request);
  Task<Result<CodeContext>> restart_context(kernel::Context& context, ContextName request);

  Task<Result<FileInfo>> write_file(kernel::Context& context, WriteFile request);
  Task<Result<FileContent>> read_file(kernel::Context& context, ReadFile request);
  Task<Result<FileList>> list_files(kernel::Context& context, ListFiles request);
  Task<Result<FileInfo>> stat_file(kernel::Context& context, FileName request);
  Task<Result<FileInfo>> move_file(kernel::Context& context, MoveFile request);
  Task<Result<FileName>> remove_file(kernel::Context& context, FileName request);
  Task<Result<FileInfo>> make_folder(kernel::Context& context, MakeFolder request);
  Task<Result<UploadedFiles>> upload_files(kernel::Context& context, UploadFiles request);
  Task<Result<DownloadedFiles>> download_files(kernel::Context& context, DownloadFiles request);
  Task<Result<WatchEnded>> watch_files(kernel::Context& context, WatchFiles request);

  Task<Result<ImageInfo>> import_image(kernel::Context& context, ImportImage request);
  Task<Result<ImageInfo>> upload_image(kernel::Context& context, UploadImage request);
  Task<Result<ImageList>> list_images(kernel::Context& context, ListImages request);
  Task<Result<ImageName>> delete_image(kernel::Context& context, ImageName request);
  Task<Result<SnapshotInfo>> snapshot(kernel::Context& context, TakeSnapshot request);
  Task<Result<SnapshotList>> list_snapshots(kernel::Context& context, ListSnapshots request);
  Task<Result<SnapshotName>> delete_snapshot(kernel::Context& context, SnapshotName request);
  Task<Result<Forked>> fork(kernel::Context& context, Fork request);
  Task<Result<TemplateInfo>> create_template(kernel::Context& context, CreateTemplate request);
  Task<Result<TemplateList>> list_templates(kernel::Context& context, ListImages request);
  Task<Result<ImageName>> delete_template(kernel::Context& context, ImageName request);

  Task<Result<ProcessInfo>> start_process(kernel::Context& context, StartProcess request);
  Task<Result<ProcessList>> list_processes(kernel::Context& context, SandboxName request);
  Task<Result<FollowedProcess>> follow_process(kernel::Context& context, FollowProcess request);
  Task<Result<ProcessInfo>> write_stdin(kernel::Context& context, WriteStdin request);
  Task<Result<ProcessInfo>> signal_process(kernel::Context& context, SignalProcess request);
  Task<Result<ProcessInfo>> resize_terminal(kernel::Context& context, ResizeTerminal request);

 private:
  // What is asked to be run, by whichever operation.
  struct Wanted {
    std::variant<std::string, std::vector<std::string>> command;
    std::optional<std::string> cwd;
    std::map<std::string, std::string> env;
    std::string user;
  };
  // Errors: not_found: no such user.
  Task<Result<jail::Command>> to_command(Sandbox& sandbox, Wanted wanted);
  Task<Result<Executed>> exec_once(kernel::Context& context, Sandbox& sandbox, Execute request,
                                   jail::Command command);
  // Makes a sandbox from what `image` names, and starts what a template says. `record.env` goes before the
  // image's own. Errors: not_found: no such image.
  Task<Result<std::shared_ptr<Sandbox>>> make_from(kernel::Context& context, std::string image,
                                                   Record record);
  Task<Result<>> start_line(kernel::Context& context, Sandbox& sandbox, std::string line);
  // What a sandbox has written, as an image of `kind` over its own, called `name`.
  Task<Result<images::Image>> keep_files(kernel::Context& context, Sandbox& sandbox, images::Kind kind,
                                         std::string name, std::optional<std::string> start);
  Task<Result<>> add_image(images::Image image, images::Layers::Held layers);
  Task<Result<ImageInfo>> add_imported(kernel::Context& context, std::string workspace, std::string name,
                                       images::Imported imported);
  Task<Result<>> remove_image(kernel::Context& context, const std::string& name, images::Kind kind);
  // Writes a template's files and runs its setup.
  Task<Result<>> prepare(kernel::Context& context, Sandbox& sandbox, CreateTemplate& request);
  // A sandbox of the caller that is awake.
  Task<Result<Use>> use(kernel::Context& context, const std::string& id);
  // REQUIRES the lock of `where`.
  Task<Result<>> start_interpreter(kernel::Context& context, Sandbox& sandbox, code::Context& where,
                                   async::Deadline by);

  Sandboxes& sandboxes_;
  async::BlockingPool& blocking_;
  async::BlockingPool& copying_;
};

// A command was killed for its time; what it wrote goes with the error.
Error took_too_long(std::chrono::milliseconds timeout, Output out, Output err);
SandboxInfo to_info(const Record& record);
// Wakes it. Errors: as Sandbox::root.
Task<Result<Place>> place_of(Sandbox& sandbox, async::Deadline by);
// A request's tar, from wherever it came. Errors: invalid_argument.
Result<net::Body> tar_of(kernel::Context& context, const std::optional<std::string>& base64);
// The bytes that come, in a file of `folder` without a name. Errors: too_large; unavailable.
Task<Result<jail::Fd>> receive_file(net::Body body, std::string folder, async::BlockingPool& blocking);
// For what takes milliseconds on a machine that is not overwhelmed.
async::Deadline soon(const kernel::Context& context);
// Errors: invalid_argument, too_large.
Result<> check_environment(const std::map<std::string, std::string>& env);

}  // namespace acloud::sandbox
