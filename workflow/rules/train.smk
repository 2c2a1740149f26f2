rule train:
    input:
        run_data,
        chosen_rate,
    output:
        history="results/{study}/train/{run}/history.parquet",
        checkpoints="results/{study}/checkpoints/{run}.safetensors",
        summary="results/{study}/train/{run}/summary.json",
    log:
        "logs/{study}/train/{run}.log",
    benchmark:
        "results/{study}/timing/train/{run}.tsv"
    conda:
        "../envs/pipeline.yaml"
    threads: needs.THREADS
    resources:
        gpu=needs.GPUS,
        gpu_manufacturer=needs.MANUFACTURER,
        mem_mb=train_memory,
        runtime=train_minutes,
    params:
        settings=train_settings,
        code=train_code,
    shell:
        "python -m pipeline train --study {wildcards.study} --run {wildcards.run} > {log} 2>&1"
