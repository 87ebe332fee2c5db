// Writes the skills: from the catalog, and from what people wrote about its products. Pure.
//
// A page of pages/ is found by its product's name. Its first paragraph says what the product is to be used
// for; its last section, "## Set-up", has a script that makes what the examples take for granted and sets
// variables (example_forms.h). A product without a page has a skill all the same, made of its declarations.
#pragma once

#include <span>

#include "kernel/catalog.h"
#include "surfaces/embedded.h"
#include "surfaces/library.h"

namespace acloud::surfaces::skills {

// In every text: where this server is reached, "https://this.host".
inline constexpr std::string_view kOriginMark = "{{origin}}";
// What stands for it where that is not known.
inline constexpr std::string_view kNoOrigin = "https://ADDRESS-OF-THIS-CLOUD";

// The skill about the cloud as a whole, then one for each product.
std::vector<Skill> write_skills(const kernel::Catalog& catalog, std::span<const EmbeddedText> pages,
                                std::string_view version);
// The skills with `origin` in place of the mark.
std::vector<Skill> at_origin(const std::vector<Skill>& skills, std::string_view origin);
// The name of a product's skill.
std::string skill_name(std::string_view product);

}  // namespace acloud::surfaces::skills
