rule draw:
    input:
        draw_inputs,
    output:
        svg="results/{study}/draw/{figure}.svg",
        png=report(
            "results/{study}/draw/{figure}.png",
            caption="../report/caption.jinja",
            category=figure_category,
            labels=figure_labels,
        ),
        csv="results/{study}/draw/{figure}.csv",
    log:
        "logs/{study}/draw/{figure}.log",
    benchmark:
        "results/{study}/timing/draw/{figure}.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        settings=draw_settings,
        code=draw_code,
    shell:
        "python -m pipeline draw --study {wildcards.study} --figure {wildcards.figure} > {log} 2>&1"
