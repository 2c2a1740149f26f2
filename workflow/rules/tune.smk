rule tune:
    input:
        cell_data,
    output:
        "results/{study}/tune/{cell}.json",
    log:
        "logs/{study}/tune/{cell}.log",
    benchmark:
        "results/{study}/timing/tune/{cell}.tsv"
    conda:
        "../envs/pipeline.yaml"
    threads: needs.THREADS
    resources:
        gpu=needs.GPUS,
        gpu_manufacturer=needs.MANUFACTURER,
        mem_mb=tune_memory,
        runtime=tune_minutes,
    params:
        settings=tune_settings,
        code=tune_code,
    shell:
        "python -m pipeline tune --study {wildcards.study} --cell {wildcards.cell} > {log} 2>&1"
