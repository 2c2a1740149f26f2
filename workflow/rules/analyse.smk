rule analyse:
    input:
        analyse_inputs,
    output:
        "results/{study}/analyse/{analysis}/{job}.parquet",
    log:
        "logs/{study}/analyse/{analysis}/{job}.log",
    benchmark:
        "results/{study}/timing/analyse/{analysis}/{job}.tsv"
    conda:
        "../envs/pipeline.yaml"
    threads: needs.THREADS
    resources:
        mem_mb=analyse_memory,
        runtime=analyse_minutes,
    params:
        settings=analyse_settings,
        code=analyse_code,
    shell:
        "python -m pipeline analyse --study {wildcards.study} --analysis {wildcards.analysis}"
        " --job {wildcards.job} > {log} 2>&1"
