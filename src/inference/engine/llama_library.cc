#include "inference/engine/llama_library.h"

#include <dlfcn.h>
#include <llama.h>
#include <log.h>

#include <mutex>

#include "base/log.h"

namespace acloud::inference {
namespace {

constexpr std::size_t kComplaintBytes = 600;
thread_local std::string complaints;  // by the library's callback, which knows no object of ours

void take_message(ggml_log_level level, const char* text, void*) {
  if (level != GGML_LOG_LEVEL_ERROR && level != GGML_LOG_LEVEL_WARN) return;
  std::string_view line(text);
  while (line.ends_with('\n')) line.remove_suffix(1);
  if (line.empty()) return;
  log::debug("llama.cpp", {{"text", line}});
  if (level != GGML_LOG_LEVEL_ERROR || complaints.size() + line.size() > kComplaintBytes) return;
  if (!complaints.empty()) complaints += "; ";
  complaints += line;
}

// The folder that libllama was loaded from: its back ends lie beside it.
std::string library_folder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&llama_backend_init), &info) == 0 || info.dli_fname == nullptr)
    return ".";
  const std::string file = info.dli_fname;
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? "." : file.substr(0, slash);
}

void prepare() {
  llama_log_set(take_message, nullptr);
  // The helper library has a log of its own, with a thread, and prints what is none of an operator's
  // business.
  common_log_set_verbosity_thold(-1);
  common_log_pause(common_log_main());
  ggml_backend_load_all_from_path(library_folder().c_str());
  llama_backend_init();
}

}  // namespace

void prepare_llama() {
  static std::once_flag once;
  std::call_once(once, prepare);
}

std::string take_llama_complaints() { return std::exchange(complaints, {}); }

}  // namespace acloud::inference
