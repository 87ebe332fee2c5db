// Which of its forms a page is given in.
#pragma once

#include <string_view>

namespace acloud::surfaces::site {

enum class Form { text, markdown, html };

// What an Accept header asks for by name, by its weights; the one named first where they are even. Plain text
// where it names none of the three, as curl's */* does.
Form form_of(std::string_view accept);

}  // namespace acloud::surfaces::site
