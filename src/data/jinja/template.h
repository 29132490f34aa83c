// Chat templates as models ship them: Jinja in the dialect of transformers (trim_blocks, lstrip_blocks, loop
// controls, `generation`), rendered by an interpreter of our own that can do nothing but write text.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fettle {

/// A template comes from whoever made the model: what one rendering may cost at most.
struct JinjaLimits {
  int64_t steps = 20'000'000;  // expressions and statements, and what they move about by size
  int depth = 400;             // blocks, expressions and calls inside one another
  size_t output_bytes = size_t(64) << 20;
};

struct JinjaRendering {
  std::string text;
  /// Where the texts of `{% generation %}` stand, as [begin, end) in bytes. Those inside a macro or a block
  /// `set` are not among them: where they end up is not known.
  std::vector<std::pair<size_t, size_t>> generations;
};

namespace jinja {
struct Body;
}

class JinjaTemplate {
 public:
  /// Error names `name`:LINE and says what stands there. `name` is the file or the model it came from.
  JinjaTemplate(std::string_view source, std::string name);
  ~JinjaTemplate();
  JinjaTemplate(JinjaTemplate&&) noexcept;
  JinjaTemplate& operator=(JinjaTemplate&&) noexcept;

  /// `variables`: an object, e.g. {"messages": […], "add_generation_prompt": true, "bos_token": "<s>"}; a key
  /// that is absent is undefined, null is None. `now` is what strftime_now tells. Error names `name`:LINE:
  /// what the template itself raises, what is undefined, unknown or of the wrong kind, or the limit it
  /// exceeds.
  JinjaRendering render(const nlohmann::ordered_json& variables, const std::tm& now,
                        const JinjaLimits& limits = {}) const;

 private:
  std::string name_;
  std::unique_ptr<const jinja::Body> body_;
};

}  // namespace fettle
