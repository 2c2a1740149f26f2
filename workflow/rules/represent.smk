rule represent:
    input:
        run_data,
        checkpoints="results/{study}/checkpoints/{run}.safetensors",
    output:
        "results/{study}/represent/{run}.safetensors",
    log:
        "logs/{study}/represent/{run}.log",
    benchmark:
        "results/{study}/timing/represent/{run}.tsv"
    conda:
        "../envs/pipeline.yaml"
    threads: needs.THREADS
    resources:
        mem_mb=represent_memory,
        runtime=represent_minutes,
    params:
        settings=represent_settings,
        code=represent_code,
    shell:
        "python -m pipeline represent --study {wildcards.study} --run {wildcards.run} > {log} 2>&1"
