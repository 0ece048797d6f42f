"""The sizes of every architecture's tiny network, and the architectures that have none."""

from typing import Any

from tests.references.architectures.tokenizer import IMAGE, VOCABULARY


def _each(value: Any, names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), value)


# What transformers' configs call the same thing; a config takes those names that it has.
COMMON: dict[str, Any] = {
    **_each(len(VOCABULARY), "vocab_size"),
    **_each(0.2, "initializer_range init_std"),
    **_each(128, "max_position_embeddings n_positions max_seq_len max_sequence_length"),
    **_each(IMAGE, "image_token_id image_token_index video_token_id audio_token_id"),  # of which no text has any
    # width
    **_each(32, "hidden_size d_model n_embd dim emb_dim embedding_size n_embed"),
    **_each(32, "intermediate_size ffn_dim d_ff encoder_ffn_dim decoder_ffn_dim ffn_hidden_size hidden_dim n_inner"),
    **_each(32, "moe_intermediate_size shared_expert_intermediate_size shared_intermediate_size"),
    # depth
    **_each(2, "num_hidden_layers num_layers n_layer n_layers"),
    **_each(2, "encoder_layers decoder_layers num_encoder_layers num_decoder_layers"),
    # heads
    **_each(4, "num_attention_heads n_head n_heads num_heads encoder_attention_heads decoder_attention_heads"),
    **_each(4, "num_encoder_attention_heads num_decoder_attention_heads"),
    **_each(2, "num_key_value_heads num_kv_heads"),
    **_each(8, "head_dim d_kv attention_head_size"),
    # latent attention
    **_each(16, "q_lora_rank kv_lora_rank"),
    **_each(8, "qk_nope_head_dim qk_rope_head_dim v_head_dim index_head_dim"),
    **_each(2, "index_n_heads"),
    # state spaces and linear attention
    **_each(8, "state_size ssm_state_size mamba_d_state n_mamba_heads mamba_n_heads mamba_num_heads mamba_head_dim"),
    **_each(8, "linear_head_dim linear_key_head_dim linear_value_head_dim"),
    **_each(4, "linear_num_heads linear_num_key_heads linear_num_value_heads"),
    # experts
    **_each(4, "num_experts n_routed_experts num_local_experts"),
    **_each(2, "num_experts_per_tok"),
    **_each(1, "n_group topk_group"),
}

LINEAR = {"layer_types": ["linear_attention", "full_attention"]}
CONVOLVED = {"layer_types": ["conv", "full_attention"]}
PER_LAYER = {"vocab_size_per_layer_input": len(VOCABULARY), "hidden_size_per_layer_input": 8}
INDEXED = {
    "indexer_n_heads": 2,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 8,
    "indexer_budget": 64,
    "indexer_compress_ratio": 4,
    "hc_lowrank": 8,
}
NO_SHARED_KEYS = {"num_kv_shared_layers": 0, "layer_types": ["sliding_attention", "full_attention"]}

OVERRIDES: dict[str, dict[str, Any]] = {
    "bailing_hybrid": {**LINEAR, "first_k_dense_replace": 1, "num_mtp_layers": 0},
    "bamba": {"attn_layer_indices": [1]},
    "blt": {"encoder_hash_byte_group_vocab": 64, "use_cache": False, "decoder_config": {"hidden_size_global": 32}},
    "canine": {"num_hash_buckets": 64},
    "codegen": {"rotary_dim": 4},
    "cohere_compass_text": {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10000.0}}},
    "cpmant": {"dim_head": 8, "dim_ff": 32, "position_bias_num_buckets": 32, "position_bias_max_distance": 128},
    "ctrl": {"dff": 32},
    "dbrx": {
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {"hidden_size": 32, "ffn_hidden_size": 32, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deepseek_v4": {"o_groups": 2, "o_lora_rank": 8},
    "dots1": {"n_shared_experts": 1},
    "dots3_note": {
        "vision_config": {"mlp_layer_types": ["dense", "sparse"], "adapter_in_dim": 32, "adapter_out_dim": 32},
        "audio_config": {"downsample_hidden_size": 8, "adapter_input_size": 32, "adapter_out_dim": 32},
    },
    "esmc": {"num_key_value_heads": 4},
    "funnel": {"block_sizes": (1, 1), "d_head": 8, "d_inner": 32},
    "gemma3n_text": {**PER_LAYER, **NO_SHARED_KEYS, "laurel_rank": 8},
    "gemma4": {
        "text_config": PER_LAYER,
        "vision_config": {"position_embedding_size": 16},
        "audio_config": {"subsampling_conv_channels": (8, 8), "output_proj_dims": 32},
    },
    "gemma4_text": PER_LAYER,
    "gemma4_unified": {"vision_config": {"mm_embed_dim": 32, "mm_posemb_size": 16, "output_proj_dims": 32}},
    "got_ocr2": {"vision_config": {"output_channels": 8, "image_size": 64}},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "gptj": {"rotary_dim": 4},
    "granitemoehybrid": LINEAR,
    "inkling_text": {"swa_num_attention_heads": 4, "swa_num_key_value_heads": 2, "swa_head_dim": 8, "rel_extent": 64},
    "inkling2_text": {"swa_num_attention_heads": 4, "swa_num_key_value_heads": 2, "swa_head_dim": 8, "rel_extent": 64},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "kimi_linear": LINEAR,
    "layoutlmv3": {"visual_embed": False, "coordinate_size": 6, "shape_size": 4},
    "lfm2": CONVOLVED,
    "lfm2_moe": {**CONVOLVED, "num_dense_layers": 1},
    "lfm3": CONVOLVED,
    "lilt": {"hidden_size": 48},
    "longcat_flash": {"expert_ffn_hidden_size": 32, "zero_expert_num": 2, "moe_topk": 2},
    "luke": {"entity_vocab_size": 8, "entity_emb_size": 8},
    "mamba2": {"num_heads": 8, "n_groups": 2, "chunk_size": 16},
    "markuplm": {"max_depth": 4, "xpath_unit_hidden_size": 8},
    "mobilebert": {"intra_bottleneck_size": 16, "initializer_range": 0.14},  # no norms: wider weights saturate it
    "nemotron_h": {
        "layer_types": ["linear_attention", "moe", "full_attention", "mlp"],
        "n_groups": 2,
        "moe_shared_expert_intermediate_size": 32,
    },
    "perceiver": {
        "d_latents": 32,
        "num_latents": 8,
        "num_self_attends_per_block": 2,
        "num_self_attention_heads": 4,
        "num_cross_attention_heads": 4,
    },
    "phi4_multimodal": {
        "audio_config": {
            "num_blocks": 1,
            "ext_pw_out_channel": 32,
            "depthwise_separable_out_channel": 32,
            "nemo_conv_channels": 32,
        },
        "vision_config": {"image_size": 28, "crop_size": 28},
    },
    "qwen3_5": {"text_config": LINEAR},
    "qwen3_5_moe": {"text_config": LINEAR},
    "qwen3_5_moe_text": LINEAR,
    "qwen3_5_text": LINEAR,
    "qwen3_next": LINEAR,
    "qwen4_exp": {"text_config": {**LINEAR, **INDEXED}},
    "qwen4_exp_text": {**LINEAR, **INDEXED},
    "recurrent_gemma": {"block_types": ("recurrent", "attention")},
    "reformer": {
        "attn_layers": ("local", "lsh"),
        "axial_pos_shape": (8, 16),
        "axial_pos_embds_dim": (16, 16),
        "hash_seed": 0,
    },
    "roc_bert": {
        "pronunciation_embed_dim": 8,
        "pronunciation_vocab_size": 16,
        "shape_embed_dim": 8,
        "shape_vocab_size": 16,
    },
    "t5": {"decoder_start_token_id": 1},
    "xlnet": {"d_inner": 32},
    "xlstm": {"hidden_size": 64, "qk_dim_factor": 1.0},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"num_hidden_layers": 3, "layers_block_type": ["linear_attention", "hybrid", "hybrid"]},
    "zamba2": {"layers_block_type": ["linear_attention", "hybrid"]},
    "zaya": {"router_hidden_size": 16, "num_experts_per_tok": 1},
}

TABLE: dict[str, dict[str, Any]] = {
    **_each(
        {},  # the common sizes are enough
        """
        afmoe albert apertus arcee aria_text axk1 axk2 bart beam bert bert-generation big_bird bigbird_pegasus
        biogpt bitnet blenderbot blenderbot-small bloom camembert cohere cohere2 cohere2_moe convbert cwm
        data2vec-text deberta deberta-v2 deepseek_v2 deepseek_v3 deepseek_v32 diffllama distilbert doge
        dots3_note_text electra emu3 ernie ernie4_5 ernie4_5_moe esm eurobert exaone4 exaone_moe falcon falcon_h1
        falcon_mamba flaubert flex_olmo flint fnet fuyu gemma gemma2 gemma3 gemma3_text gemma4_unified_text git glm
        glm4 glm4_moe glm4_moe_lite glm_moe_dsa gpt-sw3 gpt2 gpt_bigcode gpt_neox gpt_neox_japanese gpt_oss granite
        granite_swa granitemoe granitemoe_swa granitemoeshared gte helium hrm_text hunyuan_v1_dense hunyuan_v1_moe
        hy_v3 hy_v4 hyperclovax ibert internlm3 iquestcoder jais2 jetmoe jina_embeddings_v3 kolibri1 laguna layoutlm
        llama llama4 llama4_text longformer mamba marian mbart megatron-bert mellum mimo_v2_flash minicpm3 minimax
        minimax_m2 minimax_m3_vl_text ministral ministral3 mistral mistral4 mixtral mllama modernbert
        modernbert-decoder modernvbert moshi moss_transcribe_diarize mpnet mpt mt5 mvp nanochat nemotron nomic_bert
        nystromformer olmo olmo2 olmo3 olmo_hybrid olmoe openai-gpt opt pegasus persimmon phi phi3 phimoe plbart
        prophetnet qwen2 qwen2_moe qwen3 qwen3_moe rembert roberta roberta-prelayernorm roformer rwkv seed_oss
        smollm3 solar_open squeezebert stablelm starcoder2 t5gemma t5gemma2 tapas trocr ultrabert ultravbert umt5
        vaultgemma whisper xglm xlm xlm-roberta xlm-roberta-xl yoso youtu
        """,
    ),
    **OVERRIDES,
}

CANNOT: dict[str, str] = {
    "gemma3n": "its vision tower needs timm",
    "gemma4_assistant": "it drafts from the keys and values of another network",
    "gemma4_unified_assistant": "it drafts from the keys and values of another network",
    "layoutlmv2": "it needs detectron2",
    "mra": "its attention is zero without a CUDA kernel",
    "musicgen": "it continues audio codes",
    "musicgen_melody": "it continues audio codes",
}
