#include "sandbox/jail/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace acloud::sandbox::jail {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Feature, name, enforced, how)

const Feature* Report::find(std::string_view name) const {
  const auto found = std::ranges::find(features, name, &Feature::name);
  return found == features.end() ? nullptr : &*found;
}

bool Report::enforces(std::string_view name) const {
  const Feature* feature = find(name);
  return feature && feature->enforced;
}

void to_json(nlohmann::json& json, const Report& report) {
  json = {{"available", report.available},   {"problem", report.problem},   {"kind", report.kind},
          {"privileged", report.privileged}, {"one_user", report.one_user}, {"features", report.features}};
}

void from_json(const nlohmann::json& json, Report& report) {
  json.at("available").get_to(report.available);
  json.at("problem").get_to(report.problem);
  json.at("kind").get_to(report.kind);
  json.at("privileged").get_to(report.privileged);
  json.at("one_user").get_to(report.one_user);
  json.at("features").get_to(report.features);
}

}  // namespace acloud::sandbox::jail
