#include "data/templates/rows.h"

#include <fmt/format.h>

#include <vector>

#include "base/error.h"
#include "base/options.h"

namespace fettle {

std::span<const TemplateRow* const> template_rows() {
  using namespace templates;
  static const std::vector<const TemplateRow*> rows = [] {
    std::vector<const TemplateRow*> joined;
    for (const Rows group : {kPlain, kChatml, kQwen, kLlama, kMistral, kGemma, kGlm, kDeepseek, kPhi,
                             kGranite, kIntern, kHunyuan, kLlava, kOthers, kRemoved})
      for (const TemplateRow& row : group) joined.push_back(&row);
    return joined;
  }();
  return rows;
}

const TemplateRow& find_template(std::string_view name) {
  std::vector<std::string> names;
  for (const TemplateRow* row : template_rows()) {
    if (row->name == name) return *row;
    names.emplace_back(row->name);
  }
  const std::string near = nearest_name(name, names);
  throw Error({.what = fmt::format("there is no template \"{}\"{}", name,
                                   near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)),
               .where = "template",
               .hint = fmt::format("`fettle help --templates` lists all {}", names.size())});
}

}  // namespace fettle
