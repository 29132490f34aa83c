// Parts that several families share.
#pragma once

#include <string_view>

namespace fettle::templates {

inline constexpr std::string_view
    kChatMlSystem = "<|im_start|>system\n{{content}}<|im_end|>\n",
    kChatMlUser = "<|im_start|>user\n{{content}}<|im_end|>\n<|im_start|>assistant\n",
    kChatMlAnswer = "{{content}}<|im_end|>\n",
    kChatMlTool = "<|im_start|>tool\n{{content}}<|im_end|>\n<|im_start|>assistant\n",
    kQwenToolResponse =
        "<|im_start|>user\n<tool_response>\n{{content}}\n</tool_response><|im_end|>\n<|im_start|>assistant\n";

inline constexpr std::string_view kLlama3System =
                                      "<|start_header_id|>system<|end_header_id|>\n\n{{content}}<|eot_id|>",
                                  kLlama3User =
                                      "<|start_header_id|>user<|end_header_id|>\n\n{{content}}<|eot_id|>"
                                      "<|start_header_id|>assistant<|end_header_id|>\n\n",
                                  kLlama3Answer = "{{content}}<|eot_id|>",
                                  kLlama3Tool =
                                      "<|start_header_id|>ipython<|end_header_id|>\n\n{{content}}<|eot_id|>"
                                      "<|start_header_id|>assistant<|end_header_id|>\n\n";

inline constexpr std::string_view kGemmaUser =
                                      "<start_of_turn>user\n{{content}}<end_of_turn>\n<start_of_turn>model\n",
                                  kGemmaAnswer = "{{content}}<end_of_turn>\n",
                                  kGemmaTool =
                                      "<start_of_turn>tool\n{{content}}<end_of_turn>\n<start_of_turn>model\n";

inline constexpr std::string_view kGlm4System = "<|system|>\n{{content}}",
                                  kGlm4User = "<|user|>\n{{content}}<|assistant|>",
                                  kGlm4Tool = "<|observation|>\n{{content}}<|assistant|>";

}  // namespace fettle::templates
