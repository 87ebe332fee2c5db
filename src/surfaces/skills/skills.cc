#include "surfaces/skills/skills.h"

#include "base/encoding.h"
#include "kernel/catalog.h"
#include "surfaces/skills/archive.h"
#include "surfaces/skills/skill_writer.h"

namespace acloud::surfaces::skills {
namespace {

constexpr std::string_view kWellKnown = "/.well-known/";
constexpr std::string_view kNewer = "agent-skills/";
constexpr std::string_view kOlder = "skills/";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kMarkdown = "text/markdown; charset=utf-8";

// "/object/.well-known/skills/index.json" is product "object" and the rest after ".well-known/".
struct Address {
  std::string_view product;
  std::string_view path;
};

std::optional<Address> address_of(std::string_view path) {
  const auto at = path.find(kWellKnown);
  if (at == path.npos) return std::nullopt;
  const std::string_view before = path.substr(0, at);
  if (!before.empty() && before.find('/', 1) != before.npos) return std::nullopt;
  const std::string_view rest = path.substr(at + kWellKnown.size());
  if (!rest.starts_with(kNewer) && !rest.starts_with(kOlder)) return std::nullopt;
  return Address{before.empty() ? before : before.substr(1), rest};
}

OrderedJson newer_index(OrderedJson entries) {
  return {{"$schema", "https://schemas.agentskills.io/discovery/0.2.0/schema.json"},
          {"skills", std::move(entries)}};
}

}  // namespace

Skills::Skills(const kernel::Catalog& catalog, std::string_view version)
    : texts_([&catalog, version = std::string(version)] {
        Texts texts;
        texts.templates = write_skills(catalog, skill_pages(), version);
        texts.plain = at_origin(texts.templates, kNoOrigin);
        return texts;
      }) {}

bool Skills::takes(const net::Request& request) { return address_of(request.path()).has_value(); }

Result<Skills::Shelf> Skills::fill(const std::string& origin) const {
  Shelf shelf;
  const auto put = [&shelf](std::string path, std::string bytes, std::string_view type) -> const File& {
    std::string digest = to_hex(sha256(bytes));
    return shelf.insert_or_assign(std::move(path), File{std::move(bytes), type, std::move(digest)})
        .first->second;
  };
  OrderedJson newer = OrderedJson::array();
  OrderedJson older = OrderedJson::array();
  for (Skill& skill : at_origin(texts_().templates, origin)) {
    const std::string archive_path = fmt::format("{}{}.tar.gz", kNewer, skill.name);
    ACLOUD_TRY(std::string archive, tar_gz(skill.files));
    const File& packed = put(archive_path, std::move(archive), "application/gzip");
    const OrderedJson entry = {{"name", skill.name},
                               {"type", "archive"},
                               {"description", skill.description},
                               {"url", fmt::format("{}{}", kWellKnown, archive_path)},
                               {"digest", "sha256:" + packed.etag}};
    OrderedJson files = OrderedJson::array();
    for (SkillFile& file : skill.files) {
      files.push_back(file.path);
      put(fmt::format("{}{}/{}", kNewer, skill.name, file.path), file.content, kMarkdown);
      put(fmt::format("{}{}/{}", kOlder, skill.name, file.path), std::move(file.content), kMarkdown);
    }
    const OrderedJson listed = {
        {"name", skill.name}, {"description", skill.description}, {"files", std::move(files)}};
    newer.push_back(entry);
    older.push_back(listed);
    if (skill.product.empty()) continue;
    put(fmt::format("{}:{}index.json", skill.product, kNewer),
        newer_index(OrderedJson::array({entry})).dump(), kJson);
    put(fmt::format("{}:{}index.json", skill.product, kOlder),
        OrderedJson{{"skills", OrderedJson::array({listed})}}.dump(), kJson);
  }
  put(fmt::format("{}index.json", kNewer), newer_index(std::move(newer)).dump(), kJson);
  put(fmt::format("{}index.json", kOlder), OrderedJson{{"skills", std::move(older)}}.dump(), kJson);
  return shelf;
}

Result<std::shared_ptr<const Skills::Shelf>> Skills::shelf_for(const std::string& origin) {
  {
    const std::scoped_lock lock(mutex_);
    const auto found =
        std::ranges::find(shelves_, origin, [](const auto& each) -> const auto& { return each.first; });
    if (found != shelves_.end()) {
      shelves_.splice(shelves_.begin(), shelves_, found);
      return found->second;
    }
  }
  ACLOUD_TRY(Shelf filled, fill(origin));
  auto shelf = std::make_shared<const Shelf>(std::move(filled));
  const std::scoped_lock lock(mutex_);
  shelves_.emplace_front(origin, shelf);
  if (shelves_.size() > kShelvesMost) shelves_.pop_back();
  return shelf;
}

Result<net::Response> Skills::handle(const net::Request& request, const std::string& origin) {
  const std::optional<Address> address = address_of(request.path());
  const auto unknown = [&] {
    return fail(ErrorCode::not_found,
                "no skill is at {}; GET /.well-known/agent-skills/index.json lists them",
                to_valid_utf8(request.path().substr(0, 256)));
  };
  if (!address) return unknown();
  ACLOUD_TRY(const auto shelf, shelf_for(origin));
  const bool scoped_index = !address->product.empty() && address->path.ends_with("/index.json");
  auto found = shelf->find(scoped_index ? fmt::format("{}:{}", address->product, address->path)
                                        : std::string(address->path));
  // Below a product there is its own skill alone.
  if (found != shelf->end() && !address->product.empty() && !scoped_index) {
    const std::string_view name = address->path.substr(address->path.find('/') + 1);
    const std::string own = skill_name(address->product);
    if (!name.starts_with(own + '/') && name != own + ".tar.gz") found = shelf->end();
  }
  if (found == shelf->end() || found->first.contains(':') != scoped_index) return unknown();
  const File& file = found->second;
  net::Response response;
  response.headers.add("etag", '"' + file.etag + '"');
  response.headers.add("cache-control", "no-cache");
  response.headers.add("vary", "host, x-forwarded-proto");
  if (request.headers.value("if-none-match") == '"' + file.etag + '"') {
    response.status = 304;
    return response;
  }
  response.headers.add("content-type", std::string(file.type));
  response.body = file.bytes;
  return response;
}

}  // namespace acloud::surfaces::skills
