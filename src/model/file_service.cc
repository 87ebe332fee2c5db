#include "model/file_service.h"

namespace acloud::model {
namespace {

constexpr std::chrono::milliseconds kTellEvery{500};

// Tells the caller how far a pull is.
class Teller {
 public:
  explicit Teller(kernel::Context& context) : context_(context) {}

  Task<Result<>> tell(std::int64_t bytes, std::optional<std::int64_t> of) {
    const Instant now = context_.clock.instant();
    const bool due = !told_ || now - *told_ >= kTellEvery || bytes == of;
    if (context_.events() == nullptr || !due) co_return Result<>();
    told_ = now;
    Json data{{"bytes", bytes}};
    if (of) data["of"] = *of;
    co_return co_await context_.events()->emit("progress", to_text(data));
  }

 private:
  kernel::Context& context_;
  std::optional<Instant> told_;
};

}  // namespace

Task<Result<PulledModel>> FileService::pull(kernel::Context& context, PullModel request) {
  Teller teller(context);
  ACLOUD_CO_TRY(auto pulled,
                co_await files_.pull({.source = std::move(request.source),
                                      .name = std::move(request.name),
                                      .sha256 = std::move(request.sha256)},
                                     [&teller](std::int64_t bytes, std::optional<std::int64_t> of) {
                                       return teller.tell(bytes, of);
                                     }));
  co_return PulledModel{.name = std::move(pulled.file.name),
                        .bytes = {pulled.file.bytes},
                        .sha256 = std::move(pulled.sha256),
                        .was_there = pulled.was_there};
}

Task<Result<ModelFileList>> FileService::list(kernel::Context&, ListModelFiles request) {
  ACLOUD_CO_TRY(const std::string after, kernel::from_cursor(request.cursor));
  ACLOUD_CO_TRY(const auto files, co_await files_.list());
  ModelFileList list;
  for (const inference::ModelFile& file : files) {
    if (file.name <= after) continue;
    if (std::ssize(list.items) == request.limit) {
      list.next_cursor = kernel::to_cursor(list.items.back().name);
      break;
    }
    list.items.push_back({.name = file.name, .bytes = {file.bytes}, .modified = from_unix(file.modified)});
  }
  co_return list;
}

Task<Result<DeletedModelFile>> FileService::remove(kernel::Context&, DeleteModelFile request) {
  ACLOUD_CO_CHECK(co_await files_.remove(request.name));
  co_return DeletedModelFile{.name = std::move(request.name)};
}

}  // namespace acloud::model
